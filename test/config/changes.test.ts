import { expect, test } from 'bun:test'
import { changesBetween, withChanges } from '../../src/config/changes.ts'
import { defaultsOf, section } from '../../src/config/schema.ts'
import { integer, string, stringOrList } from '../../src/config/setting.ts'

const schema = {
  workers: integer(1, { min: 0, max: 9 }, 'Workers.'),
  network: section('Network.', {
    address: stringOrList('a', {}, 'Address.'),
    password: string('x', { secret: true }, 'Password.'),
  }),
}

test('changes are reported with both values, those of secrets without', () => {
  const before = defaultsOf(schema)
  const after = { workers: 3, network: { address: ['b', 'c'], password: 'y' } }
  expect(changesBetween(schema, before, before)).toEqual([])
  expect(changesBetween(schema, before, after)).toEqual([
    { path: 'workers', text: 'workers = 3 (it was 1)' },
    { path: 'network.address', text: "[network] address = ['b', 'c'] (it was 'a')" },
    { path: 'network.password', text: '[network] password' },
  ])
})

test('only the chosen ones are taken over', () => {
  const before = defaultsOf(schema)
  const after = { workers: 3, network: { address: 'b', password: 'y' } }
  expect(withChanges(schema, before, after, new Set(['workers', 'network.password']))).toEqual({
    workers: 3,
    network: { address: 'a', password: 'y' },
  })
})
