import { expect, test } from 'bun:test'
import { operationsSettings } from '../../src/operations/settings.ts'

const { address, host_names } = operationsSettings.settings

test.each(['9000', ':9000', '*:9000', 'localhost:9000'])(
  'for %p, an address of this machine alone is proposed',
  (text) => {
    expect(address.check(text)).toHaveProperty('remedy', "Write '127.0.0.1:9000'")
  },
)

test('no address serves nothing, and any other is one of a tracker', () => {
  expect(address.check('')).toEqual({ value: '' })
  expect(address.check('[::1]:9000')).toEqual({ value: '[::1]:9000' })
  expect(address.check('127.0.0.1')).toHaveProperty('remedy', "Write '127.0.0.1:9000'")
})

test.each([
  ['https://stats.example.com/', 'stats.example.com'],
  ['tracker:9000', 'tracker'],
  ['a b', 'tracker.example.com'],
  ['127.0.0.1', 'tracker.example.com'],
])('%p is no host name; proposed is %p', (text, name) => {
  const remedy = `Write it without scheme and port, such as '${name}'`
  expect(host_names.check(text)).toMatchObject({ remedy })
})
