import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { clockIsSynchronised } from '../../src/os/clock-state.ts'
import { receiveQueues, receiveRing, setReceiveRing } from '../../src/os/network-card.ts'
import { inNamespace, WHY_NO_NAMESPACE } from '../support/namespace.ts'

test('what has no hardware has no ring and no queues, and nor has what does not exist', () => {
  for (const card of ['lo', 'none', 'a-name-that-is-too-long-for-a-card']) {
    expect(receiveRing(card)).toBeNull()
    expect(receiveQueues(card)).toBeNull()
    expect(setReceiveRing(card, 4096)).toBe(false)
  }
})

test.skipIf(WHY_NO_NAMESPACE !== '')(`the queues of a card${WHY_NO_NAMESPACE}`, async () => {
  const setup = 'ip link add v0 numrxqueues 4 numtxqueues 2 type veth peer name v1'
  const { stdout, stderr } = await inNamespace(setup, join(import.meta.dir, 'card-queues.ts'), [
    'v0',
  ])
  expect(stderr).toBe('')
  expect(JSON.parse(stdout)).toMatchObject({ count: 4, countMax: 4, kind: 'rx' })
})

test('the clock’s state is a yes, a no, or not told', () => {
  expect([true, false, null]).toContain(clockIsSynchronised())
})
