// How many descriptors the process has open, and whether some are left. Asked in the main thread: by
// process/figures.ts for the metric, and by tracker/descriptor-guard.ts. Owns one open folder of /proc.
import { fstatSync, openSync } from 'node:fs'
import { addressOf, libc, nativeWords } from './ffi.ts'
import { EFD_CLOEXEC, POLLNVAL } from './kernel.ts'

/** struct pollfd in words: 0 descriptor │ 1 events u16, returned events u16. */
const POLL_WORDS = 2
const POLL_INVALID = POLLNVAL << 16
/** Polled in one call; that many closed ones in a row are taken for the end. */
const CHUNK = 1024

export class OpenDescriptors {
  private readonly folder: number | null
  private readonly limit: number

  /** To be made before a chroot: there is no /proc inside. `limit`: `descriptorLimit()`. */
  constructor(limit: number, folder = openFolder()) {
    this.limit = limit
    this.folder = folder
  }

  count(): number {
    // The size of that folder is the number of its entries, from Linux 6.2 on; before, it is 0.
    const told = this.folder === null ? 0 : fstatSync(this.folder).size
    return told > 0 ? told : countByPoll(this.limit)
  }
}

/** Whether `count` more can be opened. Opens them: nothing else tells with so few system calls. */
export function descriptorsLeft(count: number): boolean {
  const opened = openSpares(count)
  closeSpares(opened)
  return opened.length === count
}

/** Opens descriptors to hold in reserve, up to `count`. */
export function openSpares(count: number): number[] {
  const opened: number[] = []
  while (opened.length < count) {
    const fd = libc.eventfd(0, EFD_CLOEXEC)
    if (fd < 0) break
    opened.push(fd)
  }
  return opened
}

export function closeSpares(spares: readonly number[]): void {
  for (const fd of spares) libc.close(fd)
}

/** One to have and give back: what is opened next gets it. −1 when there is none. */
export function openSpare(): number {
  return libc.eventfd(0, EFD_CLOEXEC)
}

function openFolder(): number | null {
  try {
    return openSync('/proc/self/fd', 'r')
  } catch {
    return null
  }
}

/** About 1 µs per descriptor; the lowest free one is always used, so few are beyond a gap of a chunk. */
function countByPoll(limit: number): number {
  const list = nativeWords(CHUNK * POLL_WORDS)
  const address = addressOf(list)
  let all = 0
  for (let first = 0; first < limit; first += CHUNK) {
    for (let i = 0; i < CHUNK; i++) {
      list[i * POLL_WORDS] = first + i
      list[i * POLL_WORDS + 1] = 0
    }
    // poll refuses more than the limit.
    const asked = Math.min(CHUNK, limit - first)
    libc.poll(address as never, asked as never, 0)
    let open = 0
    for (let i = 0; i < asked; i++) {
      if ((list[i * POLL_WORDS + 1] & POLL_INVALID) === 0) open++
    }
    if (open === 0) break
    all += open
  }
  return all
}
