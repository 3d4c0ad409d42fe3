// A take-over in a network namespace: connections of which only the handshake has come when the old process ends go to
// the new one where the system moves them (net.ipv4.tcp_migrate_req), and are reset where it does not.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'

setDefaultTimeout(180_000)

const COUNT = 200

test.skipIf(WHY_NO_NAMESPACE !== '').each([
  [1, { served: COUNT, lost: 0 }],
  [0, { served: 0, lost: COUNT }],
])(`with tcp_migrate_req = %d${WHY_NO_NAMESPACE}`, async (migrate, expected) => {
  const script = join(import.meta.dir, 'migration-scenario.ts')
  const setup = `sysctl -qw net.ipv4.tcp_migrate_req=${migrate}`
  const { code, stdout, stderr } = await inNamespace(setup, script, [String(COUNT)])
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual(expected)
})
