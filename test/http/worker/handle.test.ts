import { describe, expect, test } from 'bun:test'
import { ListBuilder } from '../../../src/access-list/build.ts'
import { MODE_ALLOW, MODE_DENY } from '../../../src/access-list/list.ts'
import { ClientSampleReader, createClientSample } from '../../../src/census/sample.ts'
import { Tally } from '../../../src/census/tally.ts'
import { FAMILY_COUNTERS, FAMILY_IPV6 } from '../../../src/http/worker/counters.ts'
import { HttpProxies } from '../../../src/http/worker/proxies.ts'
import { Networks } from '../../../src/tcp/networks.ts'
import { readAnswer } from '../../support/http-answer.ts'
import { announceTarget, CLIENT, compactPeers, get, HttpHarness, START } from '../harness.ts'

const IPV6 = '2001:db8::7'

describe('access, limits and counting', () => {
  test.each([
    ['allow', MODE_ALLOW, 'a', 'b'],
    ['deny', MODE_DENY, 'b', 'a'],
  ])(
    'with an access list of mode %s others fail, and their scrapes show zeros',
    (_, mode, good, bad) => {
      const harness = new HttpHarness()
      const list = new ListBuilder(10, harness.swarm.buffers)
      list.add(new Int32Array(new Uint8Array(20).fill('a'.charCodeAt(0)).buffer))
      const { access } = harness.swarm.swarms
      harness.ask(announceTarget({ infoHash: bad.repeat(20) }))
      access.replace(list.finish(mode))
      expect(harness.ask(announceTarget({ infoHash: bad.repeat(20) }))).toEqual({
        'failure reason': 'Info hash not allowed',
        interval: 900,
        'retry in': 15,
      })
      expect(harness.ask(announceTarget({ infoHash: good.repeat(20) })).peers).toBe('')
      const both = ['a', 'b'].map((letter) => `info_hash=${letter.repeat(20)}`)
      const { files } = harness.ask(`/scrape?${both.join('&')}`)
      expect(files).toEqual({
        [good.repeat(20)]: { complete: 0, downloaded: 0, incomplete: 1 },
        [bad.repeat(20)]: { complete: 0, downloaded: 0, incomplete: 0 },
      })
      expect(harness.counts.rejected_not_allowed).toBe(1)
    },
  )

  test('a full tracker says so, and goes on with whom it knows', () => {
    const harness = new HttpHarness({ maxPeers: 1 })
    harness.ask(announceTarget())
    expect(harness.ask(announceTarget({ port: 2 }))['failure reason']).toBe(
      'Tracker is full: no new peers',
    )
    expect(harness.ask(announceTarget()).interval).toBe(900)
    expect(harness.counts.rejected_peers_full).toBe(1)
    const small = new HttpHarness({ maxTorrents: 1 })
    small.ask(announceTarget())
    const { 'failure reason': reason } = small.ask(announceTarget({ infoHash: 'b'.repeat(20) }))
    expect(reason).toBe('Tracker is full: no new torrents')
  })

  test('a source that asks too much gets that reason, and its connection ends', () => {
    const rates = { connects: 0, requests: 1, sustainedRequests: 0, newTorrents: 0, banSeconds: 60 }
    const harness = new HttpHarness({ rates })
    for (let i = 0; i < 10; i++) harness.ask(announceTarget())
    const { fields } = harness.send(get(announceTarget()))
    expect(fields.connection).toBe('close')
    expect(harness.ask(announceTarget())['failure reason']).toMatch(/^Too many requests/)
    expect(harness.send(get('/')).status).toBe(429)
    expect(harness.counts.rejected_request_rate).toBe(3)
    for (let i = 0; i < 30; i++) harness.ask(announceTarget())
    expect(harness.counts.rejected_banned).toBeGreaterThan(0)
    expect(harness.ask(announceTarget(), '198.51.100.9').interval).toBe(900)
  })

  test('clients are noted by their peer ids, until they stop', () => {
    const clients = createClientSample(Int32Array.of(1, 2), 1200)
    const harness = new HttpHarness({ clients })
    const noted = () => {
      const tally = new Tally()
      new ClientSampleReader(clients).read(tally, START)
      return tally
    }
    harness.ask(announceTarget())
    expect(JSON.stringify(noted(), replacer)).toContain('Transmission')
    harness.ask(announceTarget({ more: '&event=stopped' }))
    expect(JSON.stringify(noted(), replacer)).not.toContain('Transmission')
  })

  test('bytes are counted, both ways and by address family', () => {
    const harness = new HttpHarness()
    const text = get('/health')
    harness.serve(Buffer.from(text), IPV6)
    const { handler, answer } = harness
    const all = handler.counts.filter((n) => n === text.length || n === answer.length)
    expect(all.length).toBe(2)
  })
})

function replacer(_: string, value: unknown): unknown {
  return value instanceof Map ? [...value] : value
}

describe('requests other than announce and scrape', () => {
  test.each([
    ['/', 200, /BitTorrent tracker/, { requests_page: 1, responses_page: 1 }],
    ['/?x', 200, /BitTorrent tracker/, { requests_page: 1, responses_page: 1 }],
    ['/health', 200, /^ok\n$/, { requests_health: 1, responses_health: 1 }],
    ['/favicon.ico', 404, /announce/, { rejected_path: 1, responses_error: 1 }],
    ['/announce.php', 404, /./, { rejected_path: 1, responses_error: 1 }],
    ['/a/b/announce', 404, /./, { rejected_path: 1, responses_error: 1 }],
    ['//announce', 404, /./, { rejected_path: 1, responses_error: 1 }],
  ])('GET %s: %i', (target, status, body, counts) => {
    const harness = new HttpHarness()
    const answer = harness.send(get(target))
    expect(answer.status).toBe(status)
    expect(answer.body.toString()).toMatch(body)
    expect(answer.fields['content-type']).toBe('text/plain; charset=utf-8')
    expect(answer.fields.connection).toBeUndefined()
    expect(harness.counts).toEqual(counts)
  })

  test('HEAD is answered without a body, with the length of the one of GET', () => {
    const harness = new HttpHarness()
    for (const target of ['/', '/health', '/nothing', '/scrape', announceTarget()]) {
      const { fields } = harness.send(get(target).replace('GET', 'HEAD'))
      expect(Number(fields['content-length'])).toBe(harness.send(get(target)).body.length)
    }
  })

  test.each(['POST', 'PUT', 'OPTIONS', 'get', 'DELETE'])('%s is not allowed', (method) => {
    const harness = new HttpHarness()
    const { status, fields } = harness.send(`${method} /announce HTTP/1.1\r\n\r\n`)
    expect(status).toBe(405)
    expect(fields).toMatchObject({ allow: 'GET, HEAD', connection: 'close' })
    expect(harness.counts).toEqual({ rejected_method: 1, responses_error: 1 })
  })

  test.each([
    ['GET /\r\n\r\n', 400, 'rejected_request_line'],
    ['GET / HTTP/1.1 \r\n\r\n', 400, 'rejected_request_line'],
    ['GET announce HTTP/1.1\r\n\r\n', 400, 'rejected_request_line'],
    ['GET ?a=1\n\n', 400, 'rejected_request_line'],
    ['GET / A\n\n', 400, 'rejected_request_line'],
    ['GET /a b HTTP/1.1\r\n\r\n', 400, 'rejected_request_line'],
    ['GET /a\tb HTTP/1.1\r\n\r\n', 400, 'rejected_request_line'],
    ['\x16\x03\x01\x02\0\x01\0', 400, 'rejected_request_line'],
    ['PRI * HTTP/2.0\r\n\r\n', 505, 'rejected_version'],
    ['GET / HTTP/1.1\r\n folded\r\n\r\n', 400, 'rejected_header'],
    ['GET / HTTP/1.1\r\nHost : x\r\n\r\n', 400, 'rejected_header'],
    ['GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n', 400, 'rejected_header'],
    ['GET / HTTP/1.1\r\nHost: x\0\r\n\r\n', 400, 'rejected_header'],
    ['GET / HTTP/1.1\r\nno colon\r\n\r\n', 400, 'rejected_header'],
    ['GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n', 400, 'rejected_framing'],
    ['GET / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n', 400, 'rejected_framing'],
    ['GET / HTTP/1.1\r\nContent-Length: +1\r\n\r\n', 400, 'rejected_framing'],
    [
      'GET / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n',
      400,
      'rejected_framing',
    ],
    [`GET /${'a'.repeat(17000)}`, 414, 'rejected_line_too_long'],
    [`GET /${'a'.repeat(17000)} HTTP/1.1\r\n\r\n`, 414, 'rejected_line_too_long'],
    [`GET / HTTP/1.1\r\nX: ${'a'.repeat(25000)}`, 431, 'rejected_head_too_large'],
    [`GET / HTTP/1.1\r\nX: ${'a'.repeat(25000)}\r\n\r\n`, 431, 'rejected_head_too_large'],
    ['\r\n'.repeat(3), 400, 'rejected_request_line'],
  ])('%j: %i, and the connection ends', (text, status, counted) => {
    const harness = new HttpHarness()
    const answer = harness.send(text)
    expect(answer.status).toBe(status)
    expect(answer.fields.connection).toBe('close')
    expect(harness.request.close).toBe(true)
    expect(harness.counts).toEqual({ [counted]: 1, responses_error: 1 })
  })

  test('the words that Transmission understands are in a 414', () => {
    const { reason, body } = new HttpHarness().send(`GET /scrape?${'a'.repeat(17000)}`)
    expect(reason).toBe('Request-URI Too Long')
    expect(body.toString()).toContain('Request-URI Too Long')
  })

  test('a connection that is late, or for which there is no room, is told so', () => {
    const harness = new HttpHarness()
    harness.setSource(CLIENT)
    harness.handler.timeOut(harness.request)
    expect(readAnswer(harness.answer)).toMatchObject({
      status: 408,
      fields: { connection: 'close' },
    })
    harness.handler.turnAway(harness.request)
    expect(readAnswer(harness.answer)).toMatchObject({
      status: 503,
      fields: { connection: 'close' },
    })
    expect(harness.counts).toEqual({
      rejected_timeout: 1,
      rejected_unavailable: 1,
      responses_error: 2,
    })
    harness.forgetCounts()
    harness.setSource(IPV6)
    harness.handler.timeOut(harness.request)
    const at = FAMILY_IPV6 + FAMILY_COUNTERS.indexOf('rejected_timeout')
    expect(harness.handler.counts[at]).toBe(1)
  })
})

describe('connections', () => {
  test.each([
    ['HTTP/1.1', '', false, undefined],
    ['HTTP/1.1', 'Connection: close\r\n', true, 'close'],
    ['HTTP/1.1', 'CONNECTION:CLOSE\r\n', true, 'close'],
    ['HTTP/1.1', 'Connection: keep-alive, close\r\n', true, 'close'],
    ['HTTP/1.1', 'Connection: keep-alive\r\nConnection: close\r\n', true, 'close'],
    ['HTTP/1.1', 'Connection: closed\r\n', false, undefined],
    ['HTTP/1.0', '', true, 'close'],
    ['HTTP/1.0', 'Connection: keep-alive\r\n', false, 'keep-alive'],
    ['HTTP/1.0', 'Connection: Keep-Alive, close\r\n', true, 'close'],
    ['HTTP/1.1', 'Content-Length: 0\r\n', false, undefined],
    ['HTTP/1.1', 'Content-Length: 5\r\n', true, 'close'],
    ['HTTP/1.1', 'Transfer-Encoding: chunked\r\n', true, 'close'],
    ['HTTP/1.1', 'Transfer-Encoding: identity\r\n', true, 'close'],
  ])('%s with %j: ends %p', (version, field, ends, told) => {
    const harness = new HttpHarness()
    const place = 'https://example.com'
    // An announce, a constant answer, an error, a redirect.
    for (const target of [announceTarget(), '/health', '/nothing', '/']) {
      harness.handler.redirectTo = target === '/' ? Buffer.from(place) : null
      const { fields } = harness.send(get(target, version, field))
      expect(harness.request.close).toBe(ends)
      expect<string | undefined>(fields.connection).toBe(told)
      if (target === '/') expect(fields.location).toBe(`${place}/`)
    }
  })

  test('requests behind each other are answered one by one', () => {
    const harness = new HttpHarness()
    const texts = [get('/health'), get(announceTarget()), get('/nothing'), get('/')]
    const bytes = Buffer.from(texts.join(''), 'latin1')
    let at = 0
    const statuses: number[] = []
    while (at < bytes.length) {
      at += harness.serve(bytes, CLIENT, at)
      statuses.push(readAnswer(harness.answer).status)
    }
    expect(statuses).toEqual([200, 200, 404, 200])
  })

  test('of a client that asks for what there is not, more may come: its answer must not be lost', () => {
    const harness = new HttpHarness()
    harness.send('OPTIONS / HTTP/1.1\r\n\r\n')
    expect(harness.request).toMatchObject({ close: true, isUnread: true })
    harness.send('GET / HTTP/1.1\r\nConnection: close\r\n\r\n')
    expect(harness.request).toMatchObject({ close: true, isUnread: false })
  })

  test('bytes after a request with a body are not taken for a request', () => {
    const harness = new HttpHarness()
    const head = 'GET /health HTTP/1.1\r\nContent-Length: 4\r\n\r\n'
    const bytes = Buffer.from(`${head}GET /health HTTP/1.1\r\n\r\n`)
    expect(harness.serve(bytes)).toBe(head.length)
    expect(harness.request.close).toBe(true)
  })

  test('behind a trusted proxy the client is the one in its header, for limits and swarms', () => {
    const rates = { connects: 0, requests: 1, sustainedRequests: 0, newTorrents: 0, banSeconds: 0 }
    const harness = new HttpHarness({ rates })
    harness.handler.setProxies(new HttpProxies(new Networks([CLIENT]), 'X-Real-IP'))
    const ask = (client: string) =>
      harness.send(get(announceTarget(), 'HTTP/1.1', `x-real-ip: ${client}\r\n`))
    for (let i = 0; i < 20; i++) ask(`198.51.100.${i}`)
    expect(harness.counts).toEqual({ requests_announce: 20, responses_announce: 20 })
    for (let i = 0; i < 10; i++) ask('198.51.100.0')
    expect(harness.counts.rejected_request_rate).toBe(1)
    const { peers } = harness.ask(announceTarget({ port: 5 }), '203.0.113.1')
    expect(compactPeers(peers, 4)).toContain('198.51.100.9:6881')
    expect(compactPeers(peers, 4)).not.toContain(`${CLIENT}:6881`)
  })

  test('behind a proxy ip= is believed by the setting only, whoever the proxy says it is', () => {
    for (const believesAddresses of [false, true]) {
      const harness = new HttpHarness({ believesAddresses })
      harness.handler.setProxies(new HttpProxies(new Networks([CLIENT]), 'X-Real-IP'))
      const target = `${announceTarget()}&ip=198.51.100.77`
      harness.send(get(target, 'HTTP/1.1', 'X-Real-IP: 198.51.100.9\r\n'))
      harness.handler.setProxies(null)
      const { peers } = harness.ask(announceTarget({ port: 5 }), '203.0.113.1')
      const address = believesAddresses ? '198.51.100.77' : '198.51.100.9'
      expect(compactPeers(peers, 4)).toEqual([`${address}:6881`])
    }
  })

  test('a header from an untrusted sender changes nothing', () => {
    const harness = new HttpHarness()
    harness.handler.setProxies(new HttpProxies(new Networks(['10.0.0.0/8']), 'X-Real-IP'))
    harness.send(get(announceTarget(), 'HTTP/1.1', 'X-Real-IP: 198.51.100.9\r\n'))
    const { peers } = harness.ask(announceTarget({ port: 5 }), '203.0.113.1')
    expect(compactPeers(peers, 4)).toEqual([`${CLIENT}:6881`])
  })

  test('a trusted proxy that does not name its client gets that reason, is not limited, and may ask for health', () => {
    const rates = { connects: 0, requests: 1, sustainedRequests: 0, newTorrents: 0, banSeconds: 9 }
    const harness = new HttpHarness({ rates })
    harness.handler.setProxies(new HttpProxies(new Networks([CLIENT]), 'X-Real-IP'))
    for (let i = 0; i < 50; i++) {
      expect(harness.ask(announceTarget())['failure reason']).toBe(
        'The proxy of this tracker does not send the header X-Real-IP',
      )
      expect(harness.send(get('/health')).status).toBe(200)
    }
    expect(harness.counts.rejected_proxy_header_missing).toBe(50)
    const unknown = harness.send(get(announceTarget(), 'HTTP/1.1', 'X-Real-IP: unknown\r\n'))
    expect(Buffer.from(unknown.body).toString()).toContain(
      'names no client in the header X-Real-IP',
    )
    expect(harness.counts.rejected_proxy_header_not_understood).toBe(1)
    expect(harness.swarm.swarms.seeders + harness.swarm.swarms.leechers).toBe(0)
  })
})
