// How long a thread of this process has run on a processor, and how long it had to wait for one although it had work.
// Asked in the main thread, by pressure/busy.ts. Owns an open file of /proc.
import { closeSync, openSync, readlinkSync, readSync } from 'node:fs'

/** The calling thread's number in /proc/self/task; 0 on a system without /proc. */
export function threadNumber(): number {
  try {
    return Number(readlinkSync('/proc/thread-self').split('/').at(-1))
  } catch {
    return 0
  }
}

const text = Buffer.alloc(128)

export class ThreadTimes {
  /** Nanoseconds since the thread began, as of the last `read`. */
  run = 0
  waited = 0
  private readonly file: number | null

  /** To be made before a chroot: there is no /proc inside. */
  constructor(thread: number) {
    this.file = openTimes(thread)
  }

  /** False where the system does not tell. */
  read(): boolean {
    if (this.file === null) return false
    try {
      const length = readSync(this.file, text, 0, text.length, 0)
      const [run, waited] = text.toString('latin1', 0, length).split(' ')
      this.run = Number(run)
      this.waited = Number(waited)
      return true
    } catch {
      // The thread has ended.
      return false
    }
  }

  close(): void {
    if (this.file !== null) closeSync(this.file)
  }
}

function openTimes(thread: number): number | null {
  if (thread === 0) return null
  try {
    return openSync(`/proc/self/task/${thread}/schedstat`, 'r')
  } catch {
    return null
  }
}
