import { expect, test } from 'bun:test'
import { parseSource } from '../tidy/source.ts'
import { reachOf } from './reach.ts'

const FILES = {
  'bin/aquatic_x.ts': "import '../src/x/main.ts'",
  'src/x/main.ts': "import { a } from './a.ts'",
  'src/x/a.ts': '',
  'src/x/types.ts': '',
  'test/x/a.test.ts':
    "import { a } from '../../src/x/a.ts'\nimport type { T } from '../../src/x/types.ts'",
  'test/x/thread.test.ts': "new Worker(new URL('./worker.ts', import.meta.url))",
  'test/x/worker.ts': "import '../../src/x/a.ts'",
  'test/run.test.ts': "join(import.meta.dir, '../dist/aquatic_x')",
}
const sources = Object.entries(FILES).map(([path, text]) => parseSource({ path, text }))

test('tests reach a file by imports and by the threads they start, the nearest first', () => {
  const { testsOf, partsOf } = reachOf(sources, false)
  expect(testsOf('src/x/a.ts')).toEqual(['test/x/a.test.ts', 'test/x/thread.test.ts'])
  expect(testsOf('src/x/types.ts')).toEqual([])
  expect(partsOf('test/x/thread.test.ts')).toEqual(['test/x/thread.test.ts', 'test/x/worker.ts'])
})

test('executables are followed where that is asked for', () => {
  expect(reachOf(sources, false).testsOf('src/x/main.ts')).toEqual([])
  expect(reachOf(sources, true).testsOf('src/x/main.ts')).toEqual(['test/run.test.ts'])
})
