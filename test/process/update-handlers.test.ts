import { expect, test } from 'bun:test'
import { UpdateHandlers, UpdateSender } from '../../src/process/updates.ts'
import { WorkerUpdates } from '../../src/process/worker-updates.ts'

interface Update {
  readonly list?: string
  readonly settings?: { readonly age: number }
}

test('each part of an update goes to all that registered for it, in their order', () => {
  const updates = new UpdateHandlers<Update>()
  const got: unknown[] = []
  updates.on('settings', ({ age }, now) => got.push(['first', age, now]))
  updates.on('settings', ({ age }) => got.push(['second', age]))
  updates.apply({ settings: { age: 7 } }, 100)
  // No handler here takes this part.
  updates.apply({ list: 'x' }, 101)
  updates.on('list', (list, now) => got.push([list, now]))
  updates.apply({ list: 'y' }, 102)
  expect(got).toEqual([
    ['first', 7, 100],
    ['second', 7],
    ['y', 102],
  ])
})

test('a worker applies one update per turn, when one has arrived', () => {
  const sender = new UpdateSender<Update>()
  const updates = new WorkerUpdates<Update>(sender.source)
  const got: unknown[] = []
  updates.on('list', (list, now) => got.push([list, now]))
  updates.applyDue(1)
  sender.send({ list: 'a' })
  sender.send({ list: 'b' })
  updates.applyDue(2)
  expect(got).toEqual([['a', 2]])
  updates.applyDue(3)
  updates.applyDue(4)
  expect(got).toEqual([
    ['a', 2],
    ['b', 3],
  ])
})
