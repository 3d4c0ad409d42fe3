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
  readonly pids: readonly number[]
  private readonly child: Child | null
  private last: ProcessSample
  /** The first of them that has ended. */
  private gone: number | null = null

  private constructor(pids: readonly number[], child: Child | null) {
    this.pids = pids
    this.child = child
    this.last = { cpuSec: 0, rssKb: 0, peakKb: 0, openFiles: 0 }
    this.sample()
  }

  /** Several processes count as one. Null when there is none. Throws StartError when one is not there. */
  static open(pids: readonly number[], command: string): TrackerWatch | null {
    if (command !== '') {
      const child = startChild('tracker', ['sh', '-c', `exec ${command}`], {
        env: plainEnvironment(),
        ownSession: true,
      })
      return new TrackerWatch([child.pid], child)
    }
    if (pids.length === 0) return null
    const watch = new TrackerWatch(pids, null)
    if (watch.gone === null) return watch
    throw new StartError(`there is no process ${watch.gone} ([tracker] pid, --pid)`)
  }

  /** What it has used so far; the last known figures once it has ended. */
  sample(): ProcessSample {
    const all: ProcessSample[] = []
    for (const pid of this.pids) {
      try {
        all.push({ cpuSec: cpuSeconds(pid), ...memoryOf(pid), openFiles: openFiles(pid) })
      } catch {
        this.gone ??= pid
        return this.last
      }
    }
    const sum = (read: (one: ProcessSample) => number) => all.reduce((s, one) => s + read(one), 0)
    this.last = {
      cpuSec: sum(({ cpuSec }) => cpuSec),
      rssKb: sum(({ rssKb }) => rssKb),
      peakKb: sum(({ peakKb }) => peakKb),
      openFiles: sum(({ openFiles }) => openFiles),
    }
    return this.last
  }

  /** Why the tracker has ended, or null while it runs. */
  ended(): string | null {
    if (this.child !== null && !this.child.alive()) {
      const errors = this.child.errors()
      return `the tracker ended${errors === '' ? '' : `: ${errors}`}`
    }
    return this.gone === null ? null : `process ${this.gone} ended`
  }

  async stop(): Promise<void> {
    await this.child?.stop()
  }
}
