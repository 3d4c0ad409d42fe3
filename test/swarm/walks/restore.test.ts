// What restoring costs beside the swarms themselves. What it restores: export.test.ts and test/persistence/.
import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { collectionsDuring } from '../../support/collections.ts'

test('torrents that are restored leave no garbage: the collector would let gigabytes of it gather', async () => {
  // A closure for each torrent would be 20 MB, and be collected a dozen times.
  expect(await collectionsDuring(join(import.meta.dir, 'restore-loop.ts'))).toBeLessThan(3)
})
