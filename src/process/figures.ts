// What the process uses: memory, processor time and descriptors, under the names of Prometheus client libraries.
// Made before a chroot, because there is no /proc inside; read by the views of both trackers.
// Owns open files of /proc/self.
import { openSync, readSync } from 'node:fs'
import { counterFamily, gaugeFamily, type MetricFamily } from '../metrics/families.ts'
import { OpenDescriptors } from '../os/descriptors.ts'
import { pageBytes } from '../os/process.ts'
import { descriptorLimit } from '../os/tcp-port.ts'

/** statm: sizes in pages, of which the second is the resident size. */
const RESIDENT_FIELD = 1

export class ProcessFigures {
  private readonly statm: number | null
  private readonly buffer = Buffer.alloc(256)
  private readonly startedAt = Date.now()
  private readonly descriptorLimit = descriptorLimit()
  private readonly descriptors = new OpenDescriptors(this.descriptorLimit)

  constructor() {
    this.statm = openStatm()
  }

  families(): MetricFamily[] {
    const { user, system } = process.cpuUsage()
    const cpu = (user + system) / 1e6
    return [
      gaugeFamily('process_resident_memory_bytes', 'Memory of the process that is in RAM.', [
        [{}, this.residentBytes()],
      ]),
      counterFamily(
        'process_cpu_seconds_total',
        'Processor time that the process has used, in seconds.',
        [[{}, cpu]],
      ),
      gaugeFamily('process_open_fds', 'Descriptors that the process has open.', [
        [{}, this.descriptors.count()],
      ]),
      gaugeFamily('process_max_fds', 'Descriptors that it may have open (ulimit -n).', [
        [{}, this.descriptorLimit],
      ]),
      gaugeFamily('process_start_time_seconds', 'When it started, in seconds of Unix time.', [
        [{}, this.startedAt / 1000],
      ]),
    ]
  }

  /** NaN on a system without /proc. */
  private residentBytes(): number {
    if (this.statm === null) return Number.NaN
    const length = readSync(this.statm, this.buffer, 0, this.buffer.length, 0)
    const fields = this.buffer.toString('latin1', 0, length).split(' ')
    return Number(fields[RESIDENT_FIELD]) * pageBytes()
  }
}

function openStatm(): number | null {
  try {
    return openSync('/proc/self/statm', 'r')
  } catch {
    return null
  }
}
