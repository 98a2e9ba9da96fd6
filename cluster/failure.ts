/** Ends a command with one line that says what is wrong and what to do, and exit code 1. No stack: the user did nothing wrong in our code. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}
