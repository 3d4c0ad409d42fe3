// What changes the process itself is tested in test/udp/privileges.test.ts, on a tracker.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { lookUpIdentity } from '../../src/os/privileges.ts'

/** Numbers from /etc/passwd or /etc/group, which is where the names of these tests stand. */
function numberOf(file: string, name: string, field: number): number {
  const line = readFileSync(file, 'utf8')
    .split('\n')
    .find((text) => text.startsWith(`${name}:`))
  return Number(line?.split(':')[field])
}

test.each(['root', 'nobody', 'daemon'])('%s is found with its primary group', (name) => {
  expect(lookUpIdentity(name, '')).toEqual({
    user: numberOf('/etc/passwd', name, 2),
    group: numberOf('/etc/passwd', name, 3),
  })
})

test('a group of its own goes before the primary one', () => {
  expect(lookUpIdentity('nobody', 'daemon')).toEqual({
    user: numberOf('/etc/passwd', 'nobody', 2),
    group: numberOf('/etc/group', 'daemon', 2),
  })
})

test.each([
  ['no-such-user', ''],
  ['no-such-user', 'daemon'],
  ['nobody', 'no-such-group'],
  ['nobod', ''],
  ['nobodyy', ''],
])('user %p with group %p does not exist', (user, group) => {
  expect(lookUpIdentity(user, group)).toBeNull()
})
