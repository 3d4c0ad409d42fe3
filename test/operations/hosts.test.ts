import { expect, test } from 'bun:test'
import { isHostName, isServedAs } from '../../src/operations/hosts.ts'

const NAMES = ['tracker', 'Stats.Example.com']

test.each([
  '127.0.0.1',
  '127.0.0.1:9000',
  '203.0.113.9:80',
  '[::1]',
  '[::1]:9000',
  '[2001:db8::7]:1',
  'localhost',
  'LOCALHOST:9000',
  'localhost.',
  'tracker:9000',
  'stats.example.com',
  'STATS.example.com.:443',
])('%p is served', (host) => expect(isServedAs(host, NAMES)).toBe(true))

test.each([
  '',
  ':9000',
  '[',
  '[]',
  '[tracker]',
  '::1',
  '[127.0.0.1]',
  'example.com',
  'evil.example',
  'tracker.evil.example',
  'localhost.evil.example',
  '127.0.0.1.evil.example',
  '127.0.0.1:9000:80',
  'tracker:x',
  'tracker:123456',
  '2130706433',
  '127.1',
  'tracker ',
  'user@tracker',
])('%p is not', (host) => expect(isServedAs(host, NAMES)).toBe(false))

test('without names no other name is served', () => {
  expect(isServedAs('tracker', [''])).toBe(false)
  expect(isServedAs('', [''])).toBe(false)
})

test.each([
  ['tracker', true],
  ['a.b-c.example', true],
  ['_http.example', true],
  ['127.0.0.1', false],
  ['a..b', false],
  ['-a', false],
  ['a b', false],
  ['a:80', false],
  ['*.example', false],
  ['', false],
  [`${'a'.repeat(253)}b`, false],
])('%p is a host name: %p', (text, is) => expect(isHostName(text)).toBe(is))
