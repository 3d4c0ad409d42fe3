import { describe, expect, test } from 'bun:test'
import { announceTarget, get, HttpHarness } from '../harness.ts'

const IPV6 = '2001:db8::7'
const HASH = 'a'.repeat(20)

describe('a scrape', () => {
  const counts = (complete: number, downloaded: number, incomplete: number) => ({
    complete,
    downloaded,
    incomplete,
  })

  test('brings the counts of each torrent once, zeros for unknown ones', () => {
    const harness = new HttpHarness()
    harness.ask(announceTarget({ left: 5 }))
    harness.ask(announceTarget({ left: 0, more: '&event=completed' }))
    harness.ask(announceTarget({ port: 2 }), '192.0.2.9')
    const target = `/scrape?info_hash=${'z'.repeat(20)}&info_hash=${HASH}&info_hash=${HASH}`
    expect(harness.ask(target)).toEqual({
      files: { [HASH]: counts(1, 1, 1), ['z'.repeat(20)]: counts(0, 0, 0) },
      flags: { min_request_interval: 300 },
    })
    expect(harness.ask(target, IPV6).files).toEqual({
      [HASH]: counts(0, 0, 0),
      ['z'.repeat(20)]: counts(0, 0, 0),
    })
    expect(harness.counts).toMatchObject({ requests_scrape: 2, responses_scrape: 2 })
  })

  test('of 255 torrents is answered in order, whatever the order they are asked in', () => {
    const harness = new HttpHarness()
    const hashes = Array.from(
      { length: 255 },
      (_, i) => `%${(254 - i).toString(16).padStart(2, '0')}${'q'.repeat(19)}`,
    )
    const answer = harness.ask(`/scrape?${hashes.map((hash) => `info_hash=${hash}`).join('&')}`)
    expect(Object.keys(answer.files ?? {})).toHaveLength(255)
  })

  test('beyond max_scrape_torrents leaves out the rest', () => {
    const harness = new HttpHarness({ maxScrapeTorrents: 2 })
    const hashes = ['a', 'b', 'c', 'd'].map((letter) => `info_hash=${letter.repeat(20)}`)
    const { files } = harness.ask(`/scrape?${hashes.join('&')}`)
    expect(Object.keys(files ?? {})).toEqual(['a'.repeat(20), 'b'.repeat(20)])
  })

  test('without an info hash, or with half of one, fails', () => {
    const harness = new HttpHarness()
    for (const target of ['/scrape', '/scrape?', '/scrape?x=1']) {
      expect(harness.ask(target)['failure reason']).toBe(
        'No info hash: full scrapes are not allowed',
      )
    }
    const half = `/scrape?info_hash=${HASH}&info_hash=abc`
    expect(harness.ask(half)['failure reason']).toBe('Info hash is not of 20 bytes')
    expect(harness.counts).toMatchObject({ rejected_no_info_hash: 3, rejected_info_hash: 1 })
  })
})

describe('the largest answers fit', () => {
  test('255 IPv6 peers as a list', () => {
    const harness = new HttpHarness()
    for (let i = 0; i < 256; i++) {
      harness.ask(announceTarget({ port: 10_000 + i }), `2001:db8:${i.toString(16)}::1`)
    }
    const text = get(announceTarget({ port: 9, more: '&compact=0' }), 'HTTP/1.0')
    const { body } = harness.send(text, '2001:db8:ffff::1')
    expect(body.length).toBeGreaterThan(255 * 60)
  })

  test('255 torrents with counts of nine digits', () => {
    const harness = new HttpHarness()
    const { swarms } = harness.swarm
    swarms.scrape = () => {
      swarms.seeders = 999_999_999
      swarms.leechers = 999_999_999
      swarms.completed = 2_147_483_647
    }
    const hashes = Array.from(
      { length: 255 },
      (_, i) => `info_hash=%${i.toString(16).padStart(2, '0')}${'q'.repeat(19)}`,
    )
    const { body } = harness.send(get(`/scrape?${hashes.join('&')}`))
    expect(body.length).toBeGreaterThan(255 * 95)
  })
})
