// The public page as a worker of HTTP serves it: what the main thread has prepared, and nothing before there is any.
import { expect, test } from 'bun:test'
import { HEAD_BYTES_MAX, PAGE_BYTES_MAX } from '../../../src/public-page/prepared.ts'
import { announceTarget, get, HttpHarness } from '../harness.ts'

const page = (size = 3) => ({
  html: new TextEncoder().encode('h'.repeat(size)),
  json: new TextEncoder().encode('j'.repeat(size)),
})

test('without a public page there is only a line of text, and no status', () => {
  const harness = new HttpHarness()
  const { status, body, fields } = harness.send(get('/'))
  expect([status, fields['content-type']]).toEqual([200, 'text/plain; charset=utf-8'])
  expect(String(body)).toContain('BitTorrent tracker')
  expect(harness.send(get('/status.json')).status).toBe(404)
  expect(harness.counts).toMatchObject({ requests_page: 1, responses_error: 1, rejected_path: 1 })
})

test('a page is sent as it was prepared, with what keeps others from using it, until the next one', () => {
  const harness = new HttpHarness()
  for (const size of [3, 5]) {
    harness.handler.pages.set(page(size))
    for (const [target, type, letter] of [
      ['/', 'text/html; charset=utf-8', 'h'],
      ['/?x=y', 'text/html; charset=utf-8', 'h'],
      ['/status.json', 'application/json; charset=utf-8', 'j'],
    ]) {
      const { status, fields, body } = harness.send(get(target))
      expect([status, fields['content-type'], String(body)]).toEqual([
        200,
        type,
        letter.repeat(size),
      ])
      expect(fields['content-security-policy']).toStartWith("default-src 'none'; script-src 'sha")
      expect(fields['cache-control']).toBe('max-age=10')
      expect(fields['x-content-type-options']).toBe('nosniff')
    }
  }
  const head = harness.send('HEAD / HTTP/1.1\r\n\r\n')
  expect([head.fields['content-length'], head.body.length]).toEqual(['5', 0])
  expect(harness.send('POST / HTTP/1.1\r\n\r\n').status).toBe(405)
})

test('the largest page fits, on connections of every kind, and announces are served as before', () => {
  const harness = new HttpHarness()
  harness.handler.pages.set(page(PAGE_BYTES_MAX - HEAD_BYTES_MAX))
  for (const version of ['HTTP/1.1', 'HTTP/1.0']) {
    for (const fields of ['', 'Connection: keep-alive\r\n', 'Connection: close\r\n']) {
      for (const target of ['/', '/status.json']) {
        const { body } = harness.send(get(target, version, fields))
        expect(body.length).toBe(PAGE_BYTES_MAX - HEAD_BYTES_MAX)
      }
    }
  }
  expect(harness.ask(announceTarget())).toMatchObject({ incomplete: 0 })
})

test('a source that asks too often gets no more pages', () => {
  const rates = { connects: 0, requests: 1, sustainedRequests: 0, newTorrents: 0, banSeconds: 0 }
  const harness = new HttpHarness({ rates })
  harness.handler.pages.set(page())
  const statuses = Array.from({ length: 30 }, () => harness.send(get('/')).status)
  expect(statuses[0]).toBe(200)
  expect(statuses[29]).toBe(429)
})
