/**
 * From which releases on an answer to WatchProgressRequest never overtakes events that are under way (etcd 3.4.31 and 3.5.13, as
 * upstream requires them for consistent reads from its cache).
 */
export function answersProgressInOrder(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}
