import { expect, setDefaultTimeout, test } from 'bun:test'
import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { writeFiles } from './write-files.ts'

setDefaultTimeout(180_000)

const SCRIPT = join(import.meta.dir, 'mutate.ts')
const NODE_MODULES = join(import.meta.dir, '../../node_modules')

const FILES = {
  'src/a/sum.ts': `// Adds.
export function sum(list: readonly number[]): number {
  let all = 0
  for (let i = 0; i < list.length; i++) all += list[i]
  return all
}

export function isBig(value: number): boolean {
  return value > 10
}
`,
  'src/a/unseen.ts': '// Nobody imports it.\nexport const UNSEEN = 5\n',
  'test/a/sum.test.ts': `import { expect, test } from 'bun:test'
import { isBig, sum } from '../../src/a/sum.ts'
test('adds', () => expect(sum([1, 2])).toBe(3))
test('big', () => expect([isBig(5), isBig(20)]).toEqual([false, true]))
`,
  'test/a/other.test.ts': `import { expect, test } from 'bun:test'
import { sum } from '../../src/a/sum.ts'
test('fails without any fault', () => expect(sum([])).toBe(1))
`,
  'test/b/worker.test.ts': `import { test } from 'bun:test'
import { join } from 'node:path'
test('starts a program', () => void Bun.spawnSync([process.execPath, join(import.meta.dir, 'program.ts')]))
`,
  'test/b/program.ts': `import { sum } from '../../src/a/sum.ts'\nconsole.log(sum([1]))\n`,
}

function run(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [SCRIPT, '--patience=2', ...args],
    {
      cwd,
      encoding: 'utf8',
    },
  )
  return { status, stdout, stderr }
}

async function inProject(use: (folder: string) => void): Promise<void> {
  await inFolder((folder) => {
    writeFiles(folder, FILES)
    execFileSync('git', ['init', '-q'], { cwd: folder })
    symlinkSync(NODE_MODULES, join(folder, 'node_modules'))
    writeFiles(folder, { '.gitignore': 'node_modules\ndist/\n' })
    use(folder)
  })
}

test('what no test notices is shown, an endless loop counts as noticed, and a second run only counts', async () => {
  await inProject((folder) => {
    const beganMs = performance.now()
    const first = run(folder, 'src/a', '--count=0')
    const firstMs = performance.now() - beganMs
    expect(first.stderr).toContain('left out: test/a/other.test.ts fails without any fault')
    expect(first.stdout).toContain('src/a/sum.ts\n- return value > 10\n+ return value >= 10\n')
    expect(first.stdout).toContain('- return value > 10\n+ return value > 11\n')
    expect(first.stdout).toContain('src/a/unseen.ts\n- export const UNSEEN = 5\n')
    expect(first.stdout).not.toContain('all += list[i]\n+')
    // i-- never ends, or the test fails.
    expect(first.stderr).toMatch(/arithmetic: noticed by test\/a\/sum\.test\.ts/)
    expect(first.status).toBe(1)
    // The checkout itself is as it was.
    expect(readFileSync(join(folder, 'src/a/sum.ts'), 'utf8')).toBe(FILES['src/a/sum.ts'])

    const startMs = performance.now()
    const second = run(folder, 'src/a', '--count=0')
    expect(second.stdout).toBe(first.stdout)
    expect(performance.now() - startMs).toBeLessThan(firstMs / 2)
  })
})

test('a test that was added is tried, and what changes nothing does not count', async () => {
  await inProject((folder) => {
    run(folder, 'src/a/sum.ts', '--count=0')
    const better = FILES['test/a/sum.test.ts'].replace('isBig(5)', 'isBig(10)')
    const unseen = '- return value > 10\n+ return value > 11\n  so be it\n'
    writeFiles(folder, {
      'test/a/sum.test.ts': better,
      'test/mutation/equivalent.txt': `src/a/sum.ts\n${unseen}\nsrc/a/sum.ts\n- gone\n+ since\n  long ago\n`,
    })
    const { status, stdout } = run(folder, 'src/a/sum.ts', '--count=0')
    expect(stdout).toContain(', 100.0 %; 1 more change nothing')
    expect(stdout).toContain(
      'no longer there, so remove it from test/mutation/equivalent.txt:\nsrc/a/sum.ts\n- gone',
    )
    expect(status).toBe(0)
  })
})

test('a seed picks the same ones again', async () => {
  await inProject((folder) => {
    const list = (seed: number) =>
      run(folder, 'src/a', '--list', '--count=3', `--seed=${seed}`).stdout
    expect(list(1)).toBe(list(1))
    expect(list(1).match(/^# line/gm)).toHaveLength(3)
    expect(new Set([1, 2, 3, 4].map(list)).size).toBeGreaterThan(1)
  })
})

test.each([[[]], [['src/nothing']], [['src/a', '--cuont=1']]])(
  '%p ends with exit code 2',
  async (args) => {
    await inProject((folder) => {
      expect(run(folder, ...args).status).toBe(2)
    })
  },
)
