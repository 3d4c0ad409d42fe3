// What the doctor says of trackers with one thing wrong, over each protocol, with certificates and names that are wrong, and with
// peers whose answers are meant to hurt it.
import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { gzipSync } from 'node:zlib'
import { diagnose, type Means } from '../../../doctor/tracker/diagnose.ts'
import { Diagnosis } from '../../../doctor/tracker/diagnosis.ts'
import { parseTrackerUrl } from '../../../doctor/tracker/endpoint.ts'
import { Certificates } from '../../support/certificates.ts'
import { NameServer } from '../../support/name-server.ts'
import { type HttpFault, HttpTracker } from './http-tracker.ts'
import { errorOf, type UdpFault, UdpTracker } from './udp-tracker.ts'
import { type WsFault, WsTracker } from './ws-tracker.ts'

const PATIENCE = { answerMs: 400, silenceMs: 40 }

const certificates = new Certificates()
certificates.makeNamed('good', 'tracker.test')
certificates.makeNamed('other', 'other.test')
certificates.makeNamed('short', 'tracker.test', 5)
// Its second certificate has the name where older ones have it.
certificates.makeNamed('expired.test', 'expired.test')
certificates.expire('expired.test')

const names = await NameServer.open({
  'tracker.test': { A: ['127.0.0.1'] },
  'expired.test': { A: ['127.0.0.1'] },
  'both.test': { A: ['127.0.0.1'], AAAA: ['::1'] },
  'denied.test': { A: ['127.0.0.1'], TXT: ['BITTORRENT DENY ALL'] },
  'elsewhere.test': { A: ['127.0.0.1'], TXT: ['v=spf1 -all', 'BITTORRENT UDP:9 TCP:80'] },
})
afterAll(() => {
  certificates.remove()
  names.close()
})

const pem = (name: string) => ({
  cert: readFileSync(certificates.path(`${name}.pem`), 'latin1'),
  key: readFileSync(certificates.path(`${name}-key.pem`), 'latin1'),
})

/** Names of findings by severity, without what is good. */
async function wrongAt(text: string, more: Partial<Means> = {}): Promise<string[]> {
  const url = parseTrackerUrl(text)
  if ('mistake' in url) throw new Error(url.mistake)
  const means = { addresses: [], nameServer: names.address, patience: PATIENCE, ...more }
  const findings = (await diagnose(url, means)).flatMap((report) => report.findings)
  return findings
    .filter(({ severity }) => severity !== 'good')
    .map(({ severity, name }) => `${severity} ${name}`)
}

interface Served {
  readonly port: number
  close(): void
}

async function wrongWith(
  tracker: Served,
  scheme: string,
  more: Partial<Means> = {},
): Promise<string[]> {
  try {
    return await wrongAt(`${scheme}:${tracker.port}/announce`, more)
  } finally {
    tracker.close()
  }
}

const UDP: [wrong: string[], fault: UdpFault][] = [
  [[], {}],
  [['fault source_address'], { elsewhere: true }],
  [['fault reachable'], { request: () => null }],
  [['fault connection_id', 'fault connection_id_address'], { accepts: () => true }],
  [['fault connection_id', 'fault connection_id_address'], { idFor: () => Buffer.alloc(8) }],
  [['fault connection_id_address'], { idFor: () => Buffer.alloc(8, 7) }],
  [
    ['fault amplification'],
    {
      answer: (right, packet) =>
        right ?? (packet.readUInt32BE(8) === 9 ? errorOf(packet, 'no '.repeat(9)) : null),
    },
  ],
  [
    ['warning interval'],
    {
      answer: (right) => {
        if (right?.readUInt32BE(0) === 1) right.writeUInt32BE(120, 8)
        return right
      },
    },
  ],
  [
    ['fault own_peer'],
    { answer: (right) => (right?.readUInt32BE(0) === 1 ? right.subarray(0, 20) : right) },
  ],
  [
    ['fault announce'],
    { answer: (right) => (right?.readUInt32BE(0) === 1 ? right.subarray(0, 19) : right) },
  ],
  [
    ['warning open'],
    {
      answer: (right, packet) =>
        packet.readUInt32BE(8) === 1 && right !== null ? errorOf(packet, 'Not listed') : right,
    },
  ],
  [
    ['fault scrape'],
    { request: (packet) => (packet.readUInt32BE(8) === 2 && packet.length < 50 ? null : packet) },
  ],
  [['fault url_data'], { request: (packet) => (packet.length > 98 ? null : packet) }],
  [
    ['warning stopped'],
    {
      request: (packet) => {
        if (packet.length >= 98 && packet.readUInt32BE(80) === 3) packet.writeUInt32BE(0, 80)
        return packet
      },
    },
  ],
]

test.each(UDP)('over UDP it says %j', async (wrong, fault) => {
  const found = await wrongWith(await UdpTracker.open(fault), 'udp://127.0.0.1')
  expect(
    found.filter((each) => !(each === 'fault malformed' && wrong.includes('fault scrape'))),
  ).toEqual(wrong)
})

const HTTP: [wrong: string[], fault: HttpFault][] = [
  [[], {}],
  [
    ['warning interval'],
    { dictionary: (right) => ('peers' in right ? { ...right, interval: 20 } : right) },
  ],
  [['warning bencode'], { body: (body) => `${body}\n` }],
  [['fault bencode'], { body: (body) => body.slice(0, -1) }],
  [['fault bencode'], { body: () => 'l'.repeat(500) }],
  [
    ['fault own_peer'],
    { dictionary: (right) => ('peers' in right ? { ...right, peers: '' } : right) },
  ],
  [
    ['fault peers', 'fault announce'],
    { dictionary: (right) => ('peers' in right ? { ...right, peers: 'abc' } : right) },
  ],
  [
    ['warning open'],
    { dictionary: (right) => ('peers' in right ? { 'failure reason': 'Not listed' } : right) },
  ],
  [
    ['warning redirect'],
    { response: (right) => right.replace(' 200 X', ' 302 X\r\nLocation: https://a/announce') },
  ],
  [['fault status'], { response: (right) => right.replace(' 200 ', ' 404 ') }],
  [
    ['fault reachable'],
    { response: (right) => right.replace(/Content-Length: \d+/, 'Content-Length: 99999999') },
  ],
  [
    ['warning content_length'],
    { response: (right) => right.replace(/Content-Length: \d+\r\n/, '') },
  ],
  [['warning stopped'], { query: (query) => ({ ...query, event: '' }) }],
  [
    ['warning scrape'],
    { dictionary: (right, _, path) => (path === 'scrape' ? { files: {} } : right) },
  ],
  [
    ['fault malformed'],
    { dictionary: (right) => ('failure reason' in right ? { interval: 1800 } : right) },
  ],
]

test.each(HTTP)('over HTTP it says %j', async (wrong, fault) => {
  expect(await wrongWith(await HttpTracker.open(fault), 'http://127.0.0.1')).toEqual(wrong)
})

test('compressed answers are read, within limits', async () => {
  const packed = (body: string) => (right: string) => {
    const bytes = gzipSync(
      Buffer.from(body === '' ? (right.split('\r\n\r\n')[1] ?? '') : body, 'latin1'),
    )
    return `HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\nConnection: close\r\n\r\n${bytes.toString('latin1')}`
  }
  const only = (change: (right: string) => string): HttpFault => ({
    response: (right, { fields }) => (fields.has('accept-encoding') ? change(right) : right),
  })
  const http = 'http://127.0.0.1'
  expect(await wrongWith(await HttpTracker.open(only(packed(''))), http)).toEqual(['note encoding'])
  const bomb = packed('x'.repeat(2_000_000))
  expect(await wrongWith(await HttpTracker.open(only(bomb)), http)).toEqual(['fault encoding'])
})

const WS: [wrong: string[], fault: WsFault][] = [
  [[], {}],
  [['fault reachable'], { response: (text) => text.replace('101', '403') }],
  [
    ['fault announce'],
    { send: (right) => ('interval' in right ? { ...right, info_hash: '' } : right) },
  ],
  [
    ['warning interval'],
    { send: (right) => ('interval' in right ? { ...right, interval: 1 } : right) },
  ],
  [['fault offers'], { receivers: () => [] }],
  [['fault offers'], { send: (right) => ('offer' in right ? { ...right, offer: {} } : right) }],
  [['fault answers'], { passes: () => false }],
  [['warning open'], { send: () => ({ action: 'announce', 'failure reason': 'Not listed' }) }],
  [['warning stopped'], { message: (right) => ({ ...right, event: '' }) }],
  [['fault announce'], { text: () => '{', send: () => null }],
]

test.each(WS)('over WebTorrent it says %j', async (wrong, fault) => {
  expect(await wrongWith(await WsTracker.open(fault), 'ws://127.0.0.1')).toEqual(wrong)
})

describe('certificates', () => {
  test.each([
    ['good', 'tracker.test', []],
    ['other', 'tracker.test', ['fault certificate_name']],
    ['short', 'tracker.test', ['warning certificate_days']],
    ['expired.test', 'expired.test', ['fault certificate_days']],
  ])('%s for %s: %j', async (name, host, wrong) => {
    const authority = pem(name).cert
    for (const [scheme, tracker] of [
      ['https', await HttpTracker.open({ tls: pem(name) })],
      ['wss', await WsTracker.open({ tls: pem(name) })],
    ] as const) {
      const found = await wrongWith(tracker, `${scheme}://${host}`, { authority })
      expect(found).toEqual(['note addresses', ...wrong])
    }
  })

  test('one that nobody has signed', async () => {
    const found = await wrongWith(
      await HttpTracker.open({ tls: pem('good') }),
      'https://tracker.test',
    )
    expect(found).toEqual(['note addresses', 'fault certificate_chain'])
  })

  test('old versions of TLS, and none', async () => {
    const old = { tls: { ...pem('good'), minVersion: 'TLSv1.1' } } as const
    const authority = pem('good').cert
    const found = await wrongWith(await HttpTracker.open(old), 'https://tracker.test', {
      authority,
    })
    expect(found).toEqual(['note addresses', 'warning tls_version'])
    expect(await wrongWith(await HttpTracker.open(), 'https://127.0.0.1')).toEqual(['fault tls'])
  })
})

describe('names', () => {
  test.each([
    ['tracker.test', ['note addresses']],
    ['both.test', []],
    ['denied.test', ['note addresses', 'fault bep34']],
    ['elsewhere.test', ['note addresses', 'fault bep34']],
    ['missing.test', ['fault addresses']],
  ])('%s: %j', async (name, wrong) => {
    const tracker = await UdpTracker.open()
    const found = await wrongWith(tracker, `udp://${name}`)
    // Nobody listens on ::1.
    expect(found.filter((each) => each !== 'fault reachable')).toEqual(wrong)
  })

  test('a record with the port is good, and one at a time', async () => {
    const tracker = await UdpTracker.open()
    const good = await NameServer.open({
      'a.test': { A: ['127.0.0.1'], TXT: [`BITTORRENT UDP:${tracker.port} TCP:443`] },
    })
    expect(await wrongWith(tracker, 'udp://a.test', { nameServer: good.address })).toEqual([
      'note addresses',
    ])
    good.close()
  })

  test('a name server that is silent is no record', async () => {
    const found = await wrongAt('udp://tracker.test:1/announce', {
      addresses: ['127.0.0.1'],
      nameServer: '127.0.0.1:1',
    })
    expect(found).toEqual(['note bep34', 'fault reachable'])
  }, 180_000)
})

test('a stranger who sends without end is left in time', async () => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    const flood = () => {
      while (socket.writable && socket.write(Buffer.alloc(65_536, 0x41)));
    }
    socket.on('drain', flood)
    flood()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const start = performance.now()
  expect(await wrongAt(`http://127.0.0.1:${port}/announce`)).toEqual(['fault reachable'])
  expect(await wrongAt(`ws://127.0.0.1:${port}/`)).toEqual(['fault reachable'])
  expect(performance.now() - start).toBeLessThan(10_000)
  server.close()
})

test('peers behind a proxy or a container have its address: a fault of a public tracker only', () => {
  const found = (peer: string, asked: string) => {
    const diagnosis = new Diagnosis()
    diagnosis.ownPeer(Buffer.from(peer.split('.').map(Number)), 1, asked)
    return diagnosis.findings.filter(({ severity }) => severity === 'fault').map(({ name }) => name)
  }
  expect(found('172.17.0.1', '198.51.100.7')).toEqual(['peer_address'])
  expect(found('203.0.113.9', '198.51.100.7')).toEqual([])
  expect(found('172.17.0.1', '10.0.0.2')).toEqual([])
})

test('no peer back in a local network may be meant', () => {
  const found = (asked: string) => {
    const diagnosis = new Diagnosis()
    diagnosis.ownPeer(undefined, 0, asked)
    return diagnosis.findings.map(({ severity }) => severity).join()
  }
  expect([found('198.51.100.7'), found('127.0.0.1'), found('10.0.0.2')]).toEqual([
    'fault',
    'fault',
    'warning',
  ])
})
