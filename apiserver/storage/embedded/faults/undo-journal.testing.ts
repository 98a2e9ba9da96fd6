/** One write of the file, and what it replaced. */
export interface JournaledWrite {
  readonly offset: number;
  /** As many bytes as the write had; zeros where the file was shorter. */
  readonly before: Buffer;
  readonly sizeBefore: number;
  /** A flush that began after it has succeeded, and none before that has failed: it is on the disk. */
  readonly flushed: boolean;
}

export interface UndoJournal {
  readonly writes: readonly JournaledWrite[];
  /** Whether the file's name in its folder is on the disk. */
  readonly folderFlushed: boolean;
}

const recordSize = 40;
const types = { write: 1, flushBegins: 2, flushEnded: 3, writeWasDurable: 4, folderFlushed: 5 };

/** What disk.c wrote, whose comment describes it. An incomplete record at the end speaks of what was not done. */
export function readUndoJournal(bytes: Buffer): UndoJournal {
  const writes: (JournaledWrite & { readonly order: number; flushed: boolean; dropped: boolean })[] = [];
  let folderFlushed = false;
  for (let at = 0; at + recordSize <= bytes.length; at += recordSize) {
    const [type, order = 0, a = 0, b = 0, sizeBefore = 0] = Array.from({ length: 5 }, (_, field) =>
      Number(bytes.readBigUInt64LE(at + 8 * field)),
    );
    if (type === types.write) {
      const before = bytes.subarray(at + recordSize, at + recordSize + b);
      if (before.length < b) break;
      writes.push({ order, offset: a, before, sizeBefore, flushed: false, dropped: false });
      at += b;
    } else if (type === types.flushEnded) {
      // After a failed flush the kernel takes the pages for clean: a later flush does not write them.
      for (const write of writes) {
        if (write.order > a || write.flushed) continue;
        if (b === 1) write.flushed = !write.dropped;
        else write.dropped = true;
      }
    } else if (type === types.writeWasDurable) {
      for (const write of writes) if (write.order === a) write.flushed = true;
    } else if (type === types.folderFlushed) {
      folderFlushed = true;
    }
  }
  return { writes, folderFlushed };
}

/**
 * How much of what was not flushed is lost. `everything`; or the latest writes (`tail`); or any subset of the file's pages; or of
 * its sectors, so that pages are torn.
 */
export const losses = ["everything", "tail", "pages", "sectors"] as const;
export type Loss = (typeof losses)[number];

const sectorSize = 512;
const unitSizes: Readonly<Record<Loss, number>> = { everything: Infinity, tail: Infinity, pages: 4096, sectors: sectorSize };

/** A part of a write, within one sector. */
interface Piece {
  readonly write: number;
  readonly offset: number;
  readonly before: Buffer;
}

/**
 * The file as a disk may hold it after a power cut: each sector as it was flushed last, or after any of the later writes to it.
 * `roll` gives numbers in [0, 1).
 */
export function afterPowerCut(file: Buffer, { writes }: UndoJournal, loss: Loss, roll: () => number): Buffer {
  const disk = Buffer.from(file);
  const keepBelow = new Map<number, number>();
  /** The first write of the unit that is lost. */
  const firstLost = (offset: number): number => {
    const unit = Math.floor(offset / unitSizes[loss]);
    const known = keepBelow.get(unit) ?? (loss === "everything" ? 0 : Math.floor(roll() * (writes.length + 1)));
    keepBelow.set(unit, known);
    return known;
  };
  let size = Math.max(writes[0]?.sizeBefore ?? 0, ...writes.filter(({ flushed }) => flushed).map(endOf));
  for (const pieces of piecesOfSectors(writes).values()) {
    const lastFlushed = pieces.findLastIndex(({ write }) => writes[write]?.flushed === true);
    const lost = pieces.slice(lastFlushed + 1).filter(({ write, offset }) => write >= firstLost(offset));
    const lastKept = pieces[pieces.length - lost.length - 1];
    if (lastKept !== undefined) size = Math.max(size, lastKept.offset + lastKept.before.length);
    for (const { offset, before } of lost.reverse()) before.copy(disk, offset);
  }
  // A size that was never flushed may be there without its bytes.
  return roll() < 0.5 ? disk : disk.subarray(0, size);
}

function endOf({ offset, before }: JournaledWrite): number {
  return offset + before.length;
}

/** By sector, in the order of the writes. */
function piecesOfSectors(writes: readonly JournaledWrite[]): Map<number, Piece[]> {
  const sectors = new Map<number, Piece[]>();
  for (const [write, { offset, before }] of writes.entries()) {
    for (let at = 0; at < before.length;) {
      const sector = Math.floor((offset + at) / sectorSize);
      const end = Math.min(before.length, (sector + 1) * sectorSize - offset);
      const pieces = sectors.get(sector) ?? [];
      pieces.push({ write, offset: offset + at, before: before.subarray(at, end) });
      sectors.set(sector, pieces);
      at = end;
    }
  }
  return sectors;
}
