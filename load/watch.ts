// The tracker's process, as a load tester sees it: started by it or only watched by its pid; its
// processor time, memory and the packets that its sockets have dropped. Used by the main function of
// each tester. Owns the process it has started, which ends with the tester.
import { StartError } from '../src/config/cli.ts'
import { type Child, plainEnvironment, startChild } from './children.ts'
import { cpuSeconds, memoryOf, openFiles } from './proc.ts'

export interface ProcessSample {
  readonly cpuSec: number
  readonly rssKb: number
  readonly peakKb: number
  readonly openFiles: number
}

export class TrackerWatch {
  readonly pid: number
  private readonly child: Child | null
  private last: ProcessSample
  private gone = false

  private constructor(pid: number, child: Child | null) {
    this.pid = pid
    this.child = child
    this.last = { cpuSec: 0, rssKb: 0, peakKb: 0, openFiles: 0 }
    this.sample()
  }

  /** Null when there is nothing to watch. Throws StartError when there is no such process. */
  static open(pid: number, command: string): TrackerWatch | null {
    if (command !== '') {
      const child = startChild('tracker', ['sh', '-c', `exec ${command}`], {
        env: plainEnvironment(),
        ownSession: true,
      })
      return new TrackerWatch(child.pid, child)
    }
    if (pid === 0) return null
    const watch = new TrackerWatch(pid, null)
    if (watch.gone) throw new StartError(`there is no process ${pid} ([tracker] pid, --pid)`)
    return watch
  }

  /** What it has used so far; the last known figures once it has ended. */
  sample(): ProcessSample {
    try {
      const { pid } = this
      this.last = { cpuSec: cpuSeconds(pid), ...memoryOf(pid), openFiles: openFiles(pid) }
    } catch {
      this.gone = true
    }
    return this.last
  }

  /** Why there is no tracker any more, or null while it runs. */
  ended(): string | null {
    if (this.child !== null && !this.child.alive()) {
      const errors = this.child.errors()
      return `the tracker ended${errors === '' ? '' : `: ${errors}`}`
    }
    return this.gone ? `process ${this.pid} ended` : null
  }

  async stop(): Promise<void> {
    await this.child?.stop()
  }
}
