import { expect, test } from 'bun:test'
import { FailedRequests, requestPath } from '../../src/operations/request.ts'
import { randomWords } from '../support/random.ts'

test.each([
  ['http://a/health', '/health'],
  ['https://a:8080/health?a=/b', '/health'],
  ['http://a/health#c', '/health'],
  // What the runtime makes of hosts that are none.
  ['http://[/health', '/health'],
  ['http://a b:99999999/health', '/health'],
  ['/health', '/health'],
  ['/health?http://b/c', '/health'],
  ['http://a', '/'],
  ['http://', '/'],
  ['', '/'],
  ['http://a//health', '//health'],
  ['http://a/%68ealth', '/%68ealth'],
])('the path of %p is %p', (url, path) => expect(requestPath(url)).toBe(path))

test('a path is found in every text', () => {
  const random = randomWords(1)
  const parts = [
    'http://',
    'HTTPS://',
    '/',
    '//',
    '?',
    '#',
    '[',
    ']',
    '%',
    '\u0000',
    '\u00ff',
    'a',
    ':',
  ]
  for (let i = 0; i < 20_000; i++) {
    const length = random() % 8
    const text = Array.from({ length }, () => parts[random() % parts.length]).join('')
    expect(requestPath(text)).toMatch(/^\/[^?#]*$/s)
  }
})

test('a request that fails is answered shortly, and told of once a minute', async () => {
  const told: string[] = []
  const failed = new FailedRequests((text) => told.push(text))
  for (const now of [0, 1, 59_999, 60_000, 60_001]) {
    const response = failed.answer(new Error('no such thing'), now)
    expect(response.status).toBe(500)
    expect(response.headers.get('connection')).toBe('close')
    expect((await response.text()).length).toBeLessThan(100)
  }
  expect(told).toHaveLength(2)
  expect(told[0]).toContain('since the start: 1: Error: no such thing')
  expect(told[1]).toContain('since the start: 4: ')
  failed.answer('text', 200_000)
  expect(told[2]).toEndWith('6: text')
})
