import { setDefaultTimeout, test } from 'bun:test'
import { timesContract } from '../contract/times.ts'
import { listenOn, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { WsClient } from '../support/ws-client.ts'
import { newHash } from './messages.ts'

setDefaultTimeout(180_000)

const NAMES = { time: 'tracker_ws_response_time_seconds', size: 'tracker_ws_turn_messages' }
const SETTINGS = `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n`

test('response times and messages per turn are told', () =>
  withTracker({ executable: WS_EXECUTABLE, settings: SETTINGS }, async (tracker) => {
    const client = await WsClient.connect(tracker.at())
    const message = { action: 'scrape', info_hash: newHash() }
    const askAll = (count: number) => {
      for (let i = 0; i < count; i++) client.send(message)
      return async () => {
        for (let i = 0; i < count; i++) await client.next()
      }
    }
    await timesContract(tracker, NAMES, () => client.ask(message), askAll)
    client.destroy()
  }))
