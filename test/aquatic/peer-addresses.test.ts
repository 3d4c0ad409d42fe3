// Which peers are stored, by the executable with its default settings: at once on a developer's machine, and
// not beside public peers, whatever their protocol.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { compactPeers } from '../http/harness.ts'
import { readDictionary } from '../support/bencode.ts'
import { announceTarget, HttpConnection } from '../support/http-client.ts'
import { type Tracker, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'
import { at, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

const HASH = 'h'.repeat(20)
const HASH_BYTES = new TextEncoder().encode(HASH)
const DEFAULTS = '[peer_addresses]\n'
const WORKERS = 'socket_workers = 2'

/** Over HTTP, by a proxy that names this client. */
async function announceFrom(tracker: Tracker, client: string, port: number) {
  const connection = await HttpConnection.open(at(tracker, 'http'))
  const target = announceTarget({ infoHash: HASH, port })
  const { body } = await connection.ask(target, `X-Forwarded-For: ${client}\r\n`)
  connection.close()
  return readDictionary(body)
}

test('clients on one machine find each other, until a public client announces', () =>
  withTracker(
    settingsFor({
      lines: { udp: WORKERS, http: WORKERS },
      more: `${DEFAULTS}[operations]\naddress = '127.0.0.1:0'`,
      env: { AQUATIC_HTTP_NETWORK_TRUSTED_PROXIES: '127.0.0.1' },
    }),
    (tracker) =>
      withClient('127.0.0.1', async (udp) => {
        const overUdp = (port: number) =>
          udp.announce(at(tracker, 'udp'), { infoHash: HASH_BYTES, port })
        await overUdp(1)
        expect((await overUdp(2)).peers).toEqual(['127.0.0.1:1'])
        const local = await announceFrom(tracker, '192.168.1.5', 3)
        expect(compactPeers(local.peers, 4)).toHaveLength(2)
        expect(local['warning message']).toBeUndefined()
        await announceFrom(tracker, '1.1.1.1', 4)
        expect(await overUdp(1)).toMatchObject({ leechers: 3 })
        const again = await announceFrom(tracker, '192.168.1.5', 3)
        expect(again['warning message']).toMatch(/its address is private/)
        await overUdp(2)
        const { peers } = await announceFrom(tracker, '1.1.1.2', 5)
        expect(compactPeers(peers, 4)).toEqual(['1.1.1.1:4'])
        const url = await tracker.operationsUrl()
        await waitUntil('they are counted', async () => {
          const text = await (await fetch(`${url}metrics`)).text()
          return /tracker_udp_rejected_total\{reason="private_address",ip_version="4"\} 2/.test(
            text,
          )
        })
        await waitUntil('the page says so', async () =>
          (await (await fetch(url)).text()).includes('private_peers'),
        )
      }),
  ))
