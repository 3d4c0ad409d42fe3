// The tracker as its users run it: the built executable with a settings file. Used by every
// real-client test.

import { join } from 'node:path'
import type { Lab } from './lab.ts'
import type { TestProcess } from './process.ts'

const READY_MS = 10_000
/** AQUATIC_UDP_EXECUTABLE, an absolute path, names another executable to test. */
const EXECUTABLE =
  process.env.AQUATIC_UDP_EXECUTABLE ?? join(import.meta.dir, '../../dist/aquatic_udp')

export class Tracker {
  readonly process: TestProcess
  /** As its start line says them: `10.77.0.1:3000`, `[fd77::1]:3000`. */
  readonly addresses: string[]

  private constructor(process: TestProcess, addresses: string[]) {
    this.process = process
    this.addresses = addresses
  }

  /** Starts it on `address` (`host:port`, port 0 for any free one) and waits until it listens. */
  static async start(lab: Lab, address: string): Promise<Tracker> {
    const settings = join(lab.directory, 'aquatic_udp.toml')
    await Bun.write(settings, `[network]\naddress = '${address}'\n`)
    const process = lab.start('aquatic_udp', [EXECUTABLE, '-c', settings])
    const line = await process.waitForOutput(/listening on ([^(\n]+) \(/, READY_MS)
    return new Tracker(process, (line[1] as string).split(', '))
  }

  get port(): number {
    const port = this.addresses[0]?.match(/:(\d+)$/)?.[1]
    if (port === undefined) throw new Error(`no port in ${this.addresses}`)
    return Number(port)
  }

  /** Its exit code; 0 after a clean stop. */
  stop(): Promise<number | string> {
    return this.process.stop()
  }
}
