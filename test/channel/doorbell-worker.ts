// A receiver of doorbell.test.ts: lives on its event loop, and reports how many records it has had, in
// how many calls, whenever a record asks for that.
import { parentPort, workerData } from 'node:worker_threads'
import { Doorbell } from '../../src/channel/doorbell.ts'
import { Inbox } from '../../src/channel/inbox.ts'
import { RingReader } from '../../src/channel/ring.ts'

export interface DoorbellReport {
  readonly sum: number
  readonly records: number
  readonly calls: number
}

/** The payload of a record after which the receiver reports. */
export const REPORT = -1

if (parentPort !== null && workerData?.doorbell !== undefined) {
  const { rings, sleepWord, ports } = workerData.doorbell
  const readers: RingReader[] = rings.map((ring: SharedArrayBuffer) => new RingReader(ring))
  let report = { sum: 0, records: 0, calls: 0 }
  const doorbell = new Doorbell(new Inbox(readers, sleepWord), ports, () => {
    report = { ...report, calls: report.calls + 1 }
    for (const reader of readers) {
      reader.refresh()
      for (let at = reader.next(); at !== 0; at = reader.next()) {
        const payload = reader.words[at]
        if (payload === REPORT) parentPort?.postMessage(report)
        else report = { ...report, sum: report.sum + payload, records: report.records + 1 }
      }
      reader.release()
    }
  })
  parentPort.on('message', () => {
    doorbell.close()
    parentPort?.close()
  })
  parentPort.postMessage('ready')
}
