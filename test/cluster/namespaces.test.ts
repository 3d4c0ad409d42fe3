// Three hosts in network namespaces, with a tracker and a NATS server each: cables between them are pulled, with nodes on both sides,
// and servers are lost. Clients reach all of them meanwhile.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { WHY_NO_NATS } from '../support/nats-server.ts'

setDefaultTimeout(500_000)

const why = `${WHY_NO_NATS}${WHY_NO_NAMESPACE}` || (await reasonAgainst())

describe.skipIf(why !== '')(`three hosts${why}`, () => {
  test('cables pulled, and a server lost: all nodes know the same afterwards, and always answer', async () => {
    const script = join(import.meta.dir, 'namespaces-scenario.ts')
    const { code, stdout, stderr } = await inNamespace(':', script, [])
    expect({ code, stdout: stdout.trim().split('\n').at(-1), stderr }).toEqual({
      code: 0,
      stdout: 'all equal',
      stderr: '',
    })
  })
})

async function reasonAgainst(): Promise<string> {
  const { code } = await inNamespace(
    'ip link add x type bridge && ip link add y type veth peer name z',
    '-e',
    ['0'],
  )
  return code === 0 ? '' : ' (skipped: this kernel has no bridges between network namespaces)'
}
