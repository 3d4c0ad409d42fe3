import { expect, test } from 'bun:test'
import { bytesText, counted } from '../../src/config/quantities.ts'

test.each([
  [0, '0 peers'],
  [1, '1 peer'],
  [2, '2 peers'],
  [1000, '1000 peers'],
])('of %d: «%s»', (count, text) => expect(counted(count, 'peer')).toBe(text))

test('a plural may have a form of its own', () => {
  expect(counted(2, 'info hash', 'info hashes')).toBe('2 info hashes')
})

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [34_000, '34 kB'],
  [1_234_567, '1.23 MB'],
  [999_600, '1 MB'],
])('%d bytes are «%s»', (bytes, text) => expect(bytesText(bytes)).toBe(text))
