// The alarm when one private address announces for everybody, by the executable, for each protocol. When it is raised and when
// not: peer-addresses/one-source.test.ts.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'
import { TITLES } from './harness.ts'
import type { SaidOfOneSource } from './one-source.ts'

setDefaultTimeout(120_000)

test.skipIf(WHY_NO_NAMESPACE !== '')(
  `clients behind one private address are a trouble of each protocol, in the log and in the metrics${WHY_NO_NAMESPACE}`,
  async () => {
    const script = join(import.meta.dir, 'one-source.ts')
    const setup = 'ip address add 172.17.0.1/16 dev lo'
    const { stdout, stderr } = await inNamespace(setup, script, [])
    if (stdout === '') throw new Error(stderr)
    const { troubles, metrics, log }: SaidOfOneSource = JSON.parse(stdout)
    for (const [protocol, title] of Object.entries(TITLES)) {
      const found = troubles.find(({ name }) => name === `${protocol}_one_source`)
      expect(found?.text).toContain('100 % of all announces came from 172.17.0.1')
      expect(metrics).toMatch(
        new RegExp(`^tracker_trouble\\{[^}]*"${protocol}_one_source"[^}]*\\} [12]$`, 'm'),
      )
      expect(log).toMatch(new RegExp(`${title}.*all announces came from 172\\.17\\.0\\.1`))
    }
  },
)
