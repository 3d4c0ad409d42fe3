import { describe, expect, test } from 'bun:test'
import { announceTarget, CLIENT, compactPeers, get, HttpHarness } from '../harness.ts'

const IPV6 = '2001:db8::7'
const HASH = 'a'.repeat(20)

describe('an announce', () => {
  test('is answered with counts, intervals and the others of its swarm', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ left: 0, port: 1001 }), '192.0.2.1')
    harness.ask(announceTarget({ left: 5, port: 1002 }), '192.0.2.2')
    const { peers, ...rest } = harness.ask(announceTarget({ port: 1003 }), '192.0.2.3')
    expect(compactPeers(peers, 4)).toEqual(['192.0.2.1:1001', '192.0.2.2:1002'])
    expect(rest).toEqual({
      complete: 1,
      downloaded: 0,
      'external ip': '\xc0\0\x02\x03',
      incomplete: 1,
      interval: 900,
      'min interval': 300,
    })
    expect(harness.counts).toEqual({ requests_announce: 3, responses_announce: 3 })
  })

  test('counts completed downloads', () => {
    const harness = new HttpHarness()
    const target = (left: number, event: string) =>
      announceTarget({ left, more: `&event=${event}` })
    expect(harness.ask(target(5, 'started')).downloaded).toBe(0)
    expect(harness.ask(target(0, 'completed')).downloaded).toBe(1)
    const next = harness.ask(announceTarget({ port: 2 }), '192.0.2.9')
    expect(next.downloaded).toBe(1)
    expect(harness.ask(target(0, 'stopped')).downloaded).toBe(1)
  })

  test('of an unknown torrent after one with downloads reports none', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ left: 5 }))
    harness.ask(announceTarget({ left: 0, more: '&event=completed' }))
    const target = announceTarget({ infoHash: 'b'.repeat(20), more: '&event=stopped' })
    expect(harness.ask(target).downloaded).toBe(0)
  })

  test('over IPv6 brings IPv6 peers alone, in peers6, and peers is there all the same', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ port: 1001 }), '192.0.2.1')
    expect(harness.ask(announceTarget({ port: 1002 }), IPV6)).toEqual({
      complete: 0,
      downloaded: 0,
      'external ip': Buffer.from('20010db8000000000000000000000007', 'hex').toString('latin1'),
      incomplete: 0,
      interval: 900,
      'min interval': 300,
      peers: '',
    })
    const { peers, peers6 } = harness.ask(announceTarget({ port: 1003 }), '2001:db8::8')
    expect(peers).toBe('')
    expect(compactPeers(peers6, 16)).toEqual(['20010db8000000000000000000000007:1002'])
  })

  test('over IPv4 brings IPv4 peers alone', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ port: 1002 }), IPV6)
    const answer = harness.ask(announceTarget({ port: 1001 }))
    expect(answer.peers).toBe('')
    expect(answer.peers6).toBeUndefined()
    expect(answer.incomplete).toBe(0)
  })

  test('with compact=0 brings a list, without peer ids', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ port: 65535 }), '192.0.2.1')
    harness.ask(announceTarget({ port: 1 }), '255.10.0.255')
    const list = harness.ask(announceTarget({ more: '&compact=0' }))
    expect(list.peers).toBeArrayOfSize(2)
    expect(list.peers).toContainEqual({ ip: '192.0.2.1', port: 65535 })
    expect(list.peers).toContainEqual({ ip: '255.10.0.255', port: 1 })
    harness.ask(announceTarget({ port: 2 }), IPV6)
    const list6 = harness.ask(announceTarget({ more: '&compact=0' }), '2001:db8::8')
    expect(list6.peers).toEqual([{ ip: '2001:0db8:0000:0000:0000:0000:0000:0007', port: 2 }])
    expect(list6.peers6).toBeUndefined()
    expect(
      harness.ask(announceTarget({ infoHash: 'b'.repeat(20), more: '&compact=0' })).peers,
    ).toEqual([])
  })

  test.each([
    ['', 50],
    ['&numwant=-1', 50],
    ['&numwant=', 50],
    ['&numwant=x', 50],
    ['&numwant=51', 50],
    ['&numwant=99999999999999999999999', 50],
    ['&numwant=7', 7],
    ['&numwant=1', 1],
    ['&numwant=0', 0],
    ['&numwant=3&numwant=5', 5],
  ])('with «%s» brings %i of 60 peers', (more, count) => {
    const harness = new HttpHarness({ maxResponsePeers: 50 })
    for (let i = 0; i < 60; i++) harness.ask(announceTarget({ port: 1000 + i }), `192.0.2.${i}`)
    const { peers } = harness.ask(announceTarget({ more }), '198.51.100.1')
    expect(new Set(compactPeers(peers, 4)).size).toBe(count)
  })

  test.each(['0', '', 'x', '65536', '-1', '6881x', '%36881'])('with port «%s» fails', (port) => {
    const harness = new HttpHarness()
    expect(harness.ask(announceTarget({ port }))).toEqual({
      'failure reason': 'Port missing or not valid',
      interval: 900,
      'retry in': 'never',
    })
    expect(harness.counts).toEqual({
      requests_announce: 1,
      rejected_port: 1,
      responses_failure: 1,
    })
  })

  test('that stops needs no port', () => {
    const harness = new HttpHarness()
    const answer = harness.ask(announceTarget({ port: 0, more: '&event=stopped' }))
    expect(answer.peers).toBe('')
    expect(harness.counts).toEqual({ requests_announce: 1, responses_announce: 1 })
  })

  test('that stops removes the peer and returns none', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ port: 1001 }), '192.0.2.1')
    harness.ask(announceTarget())
    const stopped = harness.ask(announceTarget({ more: '&event=stopped' }))
    expect(stopped).toMatchObject({ incomplete: 1, peers: '' })
    expect(harness.ask(announceTarget({ port: 1001 }), '192.0.2.1').incomplete).toBe(0)
  })

  test.each(['paused', 'started', '', 'unknown', 'STOPPED', 'stopped2'])(
    'with event=%s renews the peer',
    (event) => {
      const harness = new HttpHarness()
      harness.ask(announceTarget({ more: `&event=${event}` }))
      expect(harness.ask(announceTarget({ port: 2 }), '192.0.2.9').incomplete).toBe(1)
    },
  )

  test.each([
    ['0', 'complete'],
    ['000', 'complete'],
    ['1', 'incomplete'],
    ['18446744073709551616', 'incomplete'],
    ['340282366920938463463374607431768211456', 'incomplete'],
    ['-1', 'incomplete'],
    ['', 'incomplete'],
    ['0x0', 'incomplete'],
  ])('with left=%s counts as %s', (left, count) => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ left }))
    const answer = harness.ask(announceTarget({ port: 2 }), '192.0.2.9')
    expect(answer[count]).toBe(1)
    expect(Number(answer.complete) + Number(answer.incomplete)).toBe(1)
  })

  test.each([
    ['%61'.repeat(20), HASH],
    ['%C3%c3%Ff%fF'.repeat(5), '\xc3\xc3\xff\xff'.repeat(5)],
    ['\xc3\xc3\xff\xff'.repeat(5), '\xc3\xc3\xff\xff'.repeat(5)],
    [`+${'%2B'.repeat(19)}`, '+'.repeat(20)],
    [`#;,/?=${'-_!.~*()'.repeat(2).slice(0, 14)}`, '#;,/?=-_!.~*()-_!.~*'.slice(0, 20)],
  ])('finds the torrent of %s', (written, raw) => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ infoHash: written }))
    const encoded = [...Buffer.from(raw, 'latin1')].map(
      (b) => `%${b.toString(16).padStart(2, '0')}`,
    )
    const answer = harness.ask(announceTarget({ infoHash: encoded.join(''), port: 2 }), '192.0.2.9')
    expect(answer.incomplete).toBe(1)
  })

  test.each(['a'.repeat(19), 'a'.repeat(21), '', `%6${'a'.repeat(19)}`, `%zz${'a'.repeat(19)}`])(
    'with info hash «%s» fails',
    (infoHash) => {
      const harness = new HttpHarness()
      const answer = harness.ask(announceTarget({ infoHash }))
      expect(answer['failure reason']).toBe('Info hash is not of 20 bytes')
      expect(harness.counts.rejected_info_hash).toBe(1)
    },
  )

  test.each(['/announce', '/announce?', '/announce?port=1&left=0', '/announce/?info_hash'])(
    'to %s has no info hash',
    (target) => {
      const harness = new HttpHarness()
      expect(harness.ask(target)['failure reason']).toBe('Info hash missing')
      expect(harness.counts.rejected_no_info_hash).toBe(1)
    },
  )

  test('of parameters that are there twice the last one counts', () => {
    const harness = new HttpHarness()
    const more = `&info_hash=${'b'.repeat(20)}&port=77&left=0&left=9&event=stopped&event=started`
    harness.ask(announceTarget({ port: 1, more }))
    const { peers } = harness.ask(announceTarget({ infoHash: 'b'.repeat(20) }), '192.0.2.9')
    expect(compactPeers(peers, 4)).toEqual(['192.0.2.7:77'])
  })

  test('is heard at /KEY/announce and /announce/KEY', () => {
    const harness = new HttpHarness()
    const query = announceTarget().slice('/announce'.length)
    for (const path of ['/0123abcd/announce', '/announce/0123abcd', '/announce/']) {
      expect(harness.ask(path + query).interval).toBe(900)
    }
  })

  test('in absolute form, with HTTP/1.0, bare LF and without Host is an announce', () => {
    const harness = new HttpHarness()
    const target = announceTarget()
    for (const text of [
      get(`http://tracker.example.com:3000${target}`),
      get(`HTTPS://[2001:db8::1]${target}`),
      get(target, 'HTTP/1.0'),
      `GET ${target} HTTP/1.1\n\n`,
      `\r\nGET ${target} HTTP/1.1\nhOsT: x\nUser-Agent:\n\n`,
    ]) {
      expect(harness.send(text).status).toBe(200)
    }
    expect(harness.counts.responses_announce).toBe(5)
  })

  test('intervals vary by the jitter, and min interval is never above interval', () => {
    const harness = new HttpHarness({ intervalJitter: 20, minAnnounceInterval: 900 })
    const intervals = Array.from({ length: 200 }, (_, i) => {
      const { interval, 'min interval': least } = harness.ask(announceTarget({ port: 1 + i }))
      expect(Number(least)).toBeLessThanOrEqual(Number(interval))
      return Number(interval)
    })
    expect(Math.min(...intervals)).toBeGreaterThanOrEqual(720)
    expect(Math.max(...intervals)).toBeLessThanOrEqual(1080)
    expect(new Set(intervals).size).toBeGreaterThan(50)
  })

  test('the length is right whether it has two, three, four or five digits', () => {
    const harness = new HttpHarness()
    const sizes = new Set<number>()
    for (let i = 0; i < 260; i++) {
      const text = get(announceTarget({ port: 1000 + i, more: i % 2 === 0 ? '' : '&compact=0' }))
      sizes.add(String(harness.send(text, `2001:db8::${i}`).body.length).length)
    }
    harness.send(get('/scrape'))
    sizes.add(String(harness.send(get('/scrape')).body.length).length)
    expect([...sizes].sort()).toEqual([2, 3, 4, 5])
  })
})

describe('addresses of ip, ipv4 and ipv6', () => {
  const seenAs = (more: string, from: string, believesAddresses: boolean) => {
    const harness = new HttpHarness({ believesAddresses })
    harness.ask(announceTarget({ port: 5, more }), from)
    const four = harness.ask(announceTarget({ port: 6 }), '203.0.113.1')
    const six = harness.ask(announceTarget({ port: 6 }), '2001:db8:ffff::1')
    return [...compactPeers(four.peers, 4), ...compactPeers(six.peers6 ?? '', 16)]
  }

  test.each(['&ip=198.51.100.1', '&ipv4=198.51.100.1', '&ip=2001:db8::1'])(
    '%s is not believed by default',
    (more) => expect(seenAs(more, CLIENT, false)).toEqual(['192.0.2.7:5']),
  )

  test.each([
    ['&ip=198.51.100.1', CLIENT, '198.51.100.1:5'],
    ['&ip=198.51.100.1', IPV6, '198.51.100.1:5'],
    ['&ip=2001%3adb8%3A%3A1', CLIENT, '20010db8000000000000000000000001:5'],
    ['&ipv4=198.51.100.1:99', CLIENT, '198.51.100.1:5'],
    ['&ipv6=[2001:db8::1]:99', IPV6, '20010db8000000000000000000000001:5'],
    ['&ipv6=2001:db8::1', CLIENT, '192.0.2.7:5'],
    ['&ipv4=198.51.100.1', IPV6, '20010db8000000000000000000000007:5'],
    ['&ipv4=2001:db8::1', CLIENT, '192.0.2.7:5'],
    ['&ip=', CLIENT, '192.0.2.7:5'],
    ['&ip=0.0.0.0', CLIENT, '192.0.2.7:5'],
    ['&ip=239.1.2.3', CLIENT, '192.0.2.7:5'],
    ['&ip=255.255.255.255', CLIENT, '192.0.2.7:5'],
    ['&ip=::', IPV6, '20010db8000000000000000000000007:5'],
    ['&ipv6=::', IPV6, '20010db8000000000000000000000007:5'],
    ['&ipv4=0.0.0.0', CLIENT, '192.0.2.7:5'],
    ['&ip=ff02::1', IPV6, '20010db8000000000000000000000007:5'],
    ['&ip=tracker.example.com', CLIENT, '192.0.2.7:5'],
  ])('where they are believed, %s of %s is a peer at %s', (more, from, peer) =>
    expect(seenAs(more, from, true)).toEqual([peer]),
  )

  test('an address of one request is not that of the next', () => {
    const harness = new HttpHarness({ believesAddresses: true })
    harness.ask(announceTarget({ more: '&ip=198.51.100.1&ipv4=198.51.100.1' }))
    harness.ask(announceTarget({ port: 3 }))
    const { peers } = harness.ask(announceTarget(), '203.0.113.1')
    expect(compactPeers(peers, 4)).toEqual(['192.0.2.7:3', '198.51.100.1:6881'])
    harness.ask(announceTarget({ more: '&ipv6=2001:db8::99' }), IPV6)
    harness.ask(announceTarget({ port: 3 }), IPV6)
    const { peers6 } = harness.ask(announceTarget(), '2001:db8:ffff::1')
    expect(compactPeers(peers6, 16)).toEqual([
      '20010db8000000000000000000000007:3',
      '20010db8000000000000000000000099:6881',
    ])
  })

  test('external ip is that of the connection', () => {
    const harness = new HttpHarness({ believesAddresses: true })
    const answer = harness.ask(announceTarget({ more: '&ip=198.51.100.1' }))
    expect(answer['external ip']).toBe('\xc0\0\x02\x07')
  })
})
