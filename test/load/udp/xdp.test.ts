// packet_path = 'xdp' of the load tester, in a network namespace; the scenarios are in xdp-scenarios.ts.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { inNamespace } from '../../support/namespace.ts'
import { WHY_NO_CARDS } from '../../support/xdp.ts'

setDefaultTimeout(180_000)

test.skipIf(WHY_NO_CARDS !== '').each([
  ['asks past the kernel, over both families and in both modes', 'loads'],
  ['says in one line why it cannot', 'refuses'],
])(`%s${WHY_NO_CARDS}`, async (_, scenario) => {
  const script = join(import.meta.dir, 'xdp-scenarios.ts')
  const { stdout, stderr } = await inNamespace('true', script, [scenario])
  expect(stderr).toBe('')
  expect(stdout).toBe('good\n')
})
