// Lists of networks and clients as operators use them: each protocol, files that change while it runs, files that are
// wrong then, settings that do. Denied clients are at 127.0.0.2, served ones at 127.0.0.1.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readDictionary } from '../support/bencode.ts'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceTarget, HttpConnection } from '../support/http-client.ts'
import { announceRequest, connectRequest } from '../support/packets.ts'
import {
  type Endpoint,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  runTracker,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitFor, waitUntil } from '../support/wait.ts'
import { Refused, WsClient } from '../support/ws-client.ts'
import { announce } from '../ws/messages.ts'

setDefaultTimeout(180_000)

const SERVED_AT = '127.0.0.1'
const DENIED_AT = '127.0.0.2'
const NETWORK = "[network]\naddress = '127.0.0.1:0'\n"

/** What an announce from an address with a peer id is told; '' when it is served. */
type Ask = (at: Endpoint, from: string, peerId: string) => Promise<string>

const askUdp: Ask = (at, from, peerId) =>
  withClient(from as '127.0.0.1', async (client) => {
    const connected = (await client.request(connectRequest(), at)).packet
    if (connected.readUInt32BE(0) === 3) return connected.toString('utf8', 8)
    const request = announceRequest(connected.subarray(8, 16), { peerId: Buffer.from(peerId) })
    const { packet } = await client.request(request, at)
    return packet.readUInt32BE(0) === 3 ? packet.toString('utf8', 8) : ''
  })

const askHttp: Ask = async (at, from, peerId) => {
  const place = { ...at, localAddress: from }
  const connection = await HttpConnection.open(place)
  const target = announceTarget().replace(/peer_id=[^&]*/, `peer_id=${peerId}`)
  const { body } = await connection.ask(target)
  connection.close()
  return String(readDictionary(body)['failure reason'] ?? '')
}

const askWs: Ask = async (at, from, peerId) => {
  try {
    const client = await WsClient.connect(at, { localAddress: from })
    const answer = await client.ask({ ...announce('h'.repeat(20), 1), peer_id: peerId })
    client.destroy()
    return answer['failure reason'] ?? ''
  } catch (error) {
    if (error instanceof Refused) return String(error.status)
    throw error
  }
}

interface Served {
  readonly name: string
  readonly executable: string
  readonly settings: string
  readonly ask: Ask
  readonly networkText: string
}

const SERVED: readonly Served[] = [
  {
    name: 'aquatic_udp',
    executable: EXECUTABLE,
    settings: '',
    ask: askUdp,
    networkText: 'denied',
  },
  {
    name: 'aquatic_udp with request workers',
    executable: EXECUTABLE,
    settings: 'socket_workers = 2\nrequest_workers = 2\n',
    ask: askUdp,
    networkText: 'denied',
  },
  {
    name: 'aquatic_http',
    executable: HTTP_EXECUTABLE,
    settings: 'socket_workers = 2\n',
    ask: askHttp,
    networkText: 'Your network is not served',
  },
  {
    name: 'aquatic_ws',
    executable: WS_EXECUTABLE,
    settings: 'socket_workers = 2\n',
    ask: askWs,
    networkText: '403',
  },
]

const CLIENT_TEXT = 'Client not allowed: use another one'
const GOOD = '-TR3000-abcdefghijkl'
const BAD = '-XL0012-abcdefghijkl'

let folder = ''
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => removeFolder(folder))

const pathOf = (name: string) => join(folder, name)

/** Replaces a file, as a whole. */
function write(name: string, text: string): void {
  writeFileSync(`${pathOf(name)}.new`, text)
  renameSync(`${pathOf(name)}.new`, pathOf(name))
}

function settingsOf(
  { settings, executable }: Served,
  modes: { networks?: string; clients?: string },
): string {
  const { networks = 'off', clients = 'off' } = modes
  return `log_level = 'info'\n${settings}${NETWORK}
[network_list]\nmode = '${networks}'\npath = '${pathOf('networks')}'
[client_list]\nmode = '${clients}'\npath = '${pathOf('clients')}'
[operations]\naddress = '127.0.0.1:0'
[limits]\nmax_torrents = 1000\nmax_peers = 10000\n${executable === WS_EXECUTABLE ? 'max_connections = 500\n' : ''}`
}

async function metric(tracker: Tracker, name: string): Promise<number> {
  const text = await (await fetch(`${await tracker.operationsUrl()}metrics`)).text()
  const values = [...text.matchAll(new RegExp(`"${name}"[^}]*\\} (\\d+)`, 'g'))]
  return values.reduce((sum, [, value]) => sum + Number(value), 0)
}

describe.each(SERVED)('$name', (served) => {
  const { executable, ask, networkText } = served

  test('serves all but what is listed, and follows the files', async () => {
    write('networks', `# bad\n${DENIED_AT}\n`)
    write('clients', '-XL\n')
    write('tracker.toml', settingsOf(served, { networks: 'deny', clients: 'deny' }))
    await withTracker({ executable, file: pathOf('tracker.toml') }, async (tracker) => {
      const at = tracker.at()
      const is = (from: string, id: string, expected: string) =>
        waitUntil(`${from} and ${id} get «${expected}»`, async () => {
          return (await ask(at, from, id)) === expected
        })
      await is(SERVED_AT, GOOD, '')
      await is(DENIED_AT, GOOD, networkText)
      await is(SERVED_AT, BAD, CLIENT_TEXT)
      await waitUntil('both are counted', async () => {
        const denied = await Promise.all(
          ['denied_network', 'denied_client'].map((reason) => metric(tracker, reason)),
        )
        return denied.every((count) => count > 0)
      })
      write('networks', '10.0.0.0/8\n')
      await is(DENIED_AT, GOOD, '')
      write('clients', '-AB\n-TR30\n')
      await is(SERVED_AT, BAD, '')
      await is(SERVED_AT, GOOD, CLIENT_TEXT)
      // Wrong files change nothing, whoever has them read.
      write('networks', `${SERVED_AT}\n${DENIED_AT}/99\n`)
      write('clients', '\\x\n')
      await tracker.waitForOutput(/network list .*line 2 has a prefix length.*stays in force/)
      await tracker.waitForOutput(/client list .*line 1 has a \\ without xNN.*stays in force/)
      tracker.stderr = ''
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/network list .*SIGUSR1.*line 2/)
      await is(DENIED_AT, BAD, '')
      await is(SERVED_AT, GOOD, CLIENT_TEXT)
      // Settings are read again with SIGHUP; a wrong list stays out even so.
      tracker.stderr = ''
      write('tracker.toml', settingsOf(served, { networks: 'allow', clients: 'deny' }))
      tracker.signal('SIGHUP')
      await tracker.waitForOutput(/network list .*the settings.*line 2/)
      await is(DENIED_AT, GOOD, CLIENT_TEXT)
      write('networks', '192.0.2.0/24\n')
      write('tracker.toml', settingsOf(served, { networks: 'deny', clients: 'off' }))
      tracker.signal('SIGHUP')
      await is(DENIED_AT, BAD, '')
    })
  })

  test('does not start with a wrong file, and says what is wrong', async () => {
    write('networks', '10.0.0.0/8\nfoo\n')
    const ended = await runTracker({
      executable,
      settings: settingsOf(served, { networks: 'deny' }),
    })
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`[network_list] path '${pathOf('networks')}' line 2 has`)
    const without = await runTracker({
      executable,
      settings: settingsOf(served, { clients: 'allow' }),
    })
    expect(without.code).toBe(1)
    expect(without.stderr).toContain(`[client_list] path '${pathOf('clients')}' cannot be read`)
  })
})

test('aquatic_ws closes open connections of a network that a new list denies, and keeps the others', async () => {
  write('networks', '10.0.0.0/8\n')
  const served = SERVED[3]
  write('tracker.toml', settingsOf(served, { networks: 'deny' }))
  const options = { executable: served.executable, file: pathOf('tracker.toml') }
  await withTracker(options, async (tracker) => {
    const [denied, kept] = await Promise.all(
      [DENIED_AT, SERVED_AT].map((localAddress) =>
        WsClient.connect(tracker.at(), { localAddress }),
      ),
    )
    for (const client of [denied, kept]) await client.ask(announce('h'.repeat(20), 1))
    write('networks', `${DENIED_AT}\n`)
    expect(await waitFor(denied.closed, 60_000)).toEqual({
      code: 1008,
      reason: 'Your network is not served',
    })
    expect(await metric(tracker, 'denied_network')).toBe(1)
    expect((await kept.ask(announce('h'.repeat(20), 1))).interval).toBeGreaterThan(0)
    kept.destroy()
  })
})
