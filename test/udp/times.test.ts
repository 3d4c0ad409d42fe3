import { describe, setDefaultTimeout, test } from 'bun:test'
import { timesContract } from '../contract/times.ts'
import { connectRequest } from '../support/packets.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { listenOn, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const NAMES = { time: 'tracker_udp_response_time_seconds', size: 'tracker_udp_batch_packets' }
const SETTINGS = `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  test('response times and packets per batch are reported', () =>
    withTracker({ settings: SETTINGS }, (tracker) =>
      withClient('127.0.0.1', (client) => {
        const to = tracker.at()
        const askAll = (count: number) => {
          client.sendMany(Array(count - 1).fill(connectRequest()), to)
          const last = client.connect(to)
          return () => last
        }
        const resent = () => client.resent
        return timesContract(tracker, NAMES, () => client.connect(to), askAll, resent)
      }),
    ))
})
