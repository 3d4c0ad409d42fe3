// Gives memory back that holds only the runtime's own code. Used by main threads once all workers serve,
// and before a chroot, behind which the process cannot see its own mappings.
//
// A start touches some 30 MB of the executable that nobody needs again: parsers, loaders, the
// compiler's first passes. They are clean copies of a file, so dropping them loses nothing; what is
// still needed comes back from the page cache in microseconds.
import { readFileSync } from 'node:fs'
import { libc } from './ffi.ts'
import { MADV_DONTNEED } from './kernel.ts'

/** What tells of pages that were written once, in memory or swapped out: relocated tables have some. */
const CLEAN = ['Anonymous', 'Private_Dirty', 'Swap']

interface CodeRange {
  readonly start: number
  readonly bytes: number
}

/** At once, and again when the compiler is done with the workers' loops. */
const AFTER_MILLISECONDS = [0, 10_000, 60_000]

export function releaseStartCode(): void {
  const code = new ResidentCode()
  for (const delay of AFTER_MILLISECONDS) setTimeout(() => code.release(), delay)
}

export class ResidentCode {
  private readonly ranges: readonly CodeRange[]

  constructor() {
    this.ranges = cleanRanges()
  }

  /** Advice only: where there is no /proc, nothing happens. */
  release(): void {
    for (const { start, bytes } of this.ranges) {
      libc.madvise(start as never, bytes as never, MADV_DONTNEED)
    }
  }
}

/** Mappings of the executable that cannot be written and of which no page has ever been. */
function cleanRanges(): CodeRange[] {
  const maps = readMaps()
  return maps
    .split(/\n(?=[0-9a-f]+-[0-9a-f]+ )/)
    .map((entry) => {
      const [, start, end, rights, path] =
        /^([0-9a-f]+)-([0-9a-f]+) (\S+) \S+ \S+ \S+ *([^\n]*)/.exec(entry) ?? []
      const clean = CLEAN.every((field) => new RegExp(`^${field}: +0 kB$`, 'm').test(entry))
      return { start, end, rights, path, clean }
    })
    .filter(
      ({ rights, path, clean }) => path === process.execPath && /^r-[x-]p$/.test(rights) && clean,
    )
    .map(({ start, end }) => {
      const from = Number.parseInt(start, 16)
      return { start: from, bytes: Number.parseInt(end, 16) - from }
    })
}

function readMaps(): string {
  try {
    return readFileSync('/proc/self/smaps', 'latin1')
  } catch {
    return ''
  }
}
