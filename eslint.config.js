import tseslint from "typescript-eslint";

const timeAndDice = [
  { object: "Date", property: "now", message: "Take a Clock from base/ and call now()." },
  { object: "Math", property: "random", message: "Take a Random from base/ and call float()." },
  { object: "performance", property: "now", message: "Take a Clock from base/ and call monotonic()." },
  { object: "crypto", property: "randomUUID", message: "Take a Random from base/ and call uuid()." },
  { object: "crypto", property: "randomBytes", message: "Take a Random from base/ and call bytes()." },
  { object: "AbortSignal", property: "timeout", message: "Take a Clock from base/ and wait on its sleep()." },
];
const timers = ["setTimeout", "setInterval", "setImmediate"].map((name) => ({
  name,
  message: "Take a Clock from base/ and call sleep().",
}));

export default tseslint.config(
  { ignores: ["dist/", "dist-*/", "node_modules/", "api/generated/"] },
  {
    files: ["**/*.ts"],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/consistent-type-imports": ["error", { disallowTypeAnnotations: false }],
      // An async method without await still turns its throws into rejections, which is what contracts promise.
      "@typescript-eslint/require-await": "off",
      "@typescript-eslint/no-dynamic-delete": "off",
      // A type parameter that only names a kind reads better than a cast at every caller.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // Node types a socket by its base class; on a TLS server it is what we say.
      "@typescript-eslint/no-unsafe-class-instance-assignment": "off",
      eqeqeq: "error",
      "no-restricted-properties": ["error", ...timeAndDice],
      "no-restricted-globals": ["error", ...timers],
      "no-restricted-imports": ["error", { paths: ["timers", "node:timers", "node:timers/promises", "timers/promises"] }],
    },
  },
  {
    files: [
      "base/clock.ts",
      "base/random.ts",
      "base/fake-clock.ts",
      "test/**/*.ts",
      "bench/**/*.ts",
      "scripts/**/*.ts",
      "**/*.test.ts",
    ],
    rules: { "no-restricted-properties": "off", "no-restricted-globals": "off", "no-restricted-imports": "off" },
  },
  {
    files: ["**/*.test.ts", "**/conformance.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off" },
  },
);
