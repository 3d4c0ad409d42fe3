// The examples of docs/testing-a-client.md run, where their language is installed.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'

setDefaultTimeout(180_000)

const ROOT = join(import.meta.dir, '../..')
const EXAMPLES = join(ROOT, 'examples')
const LAUNCHER = join(ROOT, 'scripts/launch-aquatic.sh')
const bun = process.execPath

const pytest = isRunnable('python3', '-m', 'pytest', '--version')

interface Example {
  readonly name: string
  readonly tool: string
  /** `out`: a folder for what is built. */
  readonly command: (out: string) => readonly string[]
  readonly passed: RegExp
}

const EXAMPLES_BY_TOOL: readonly Example[] = [
  {
    name: 'node:test',
    tool: 'node',
    command: () => ['node', '--test', 'node.test.mjs'],
    passed: /pass 2\n.*fail 0/,
  },
  { name: 'bun:test', tool: bun, command: () => [bun, 'test', 'bun.test.js'], passed: /1 pass/ },
  {
    name: 'Deno',
    tool: 'deno',
    command: () => ['deno', 'test', '-A', 'deno_test.js'],
    passed: /1 passed/,
  },
  {
    name: pytest ? 'pytest' : 'unittest, as pytest is not installed',
    tool: 'python3',
    command: () => ['python3', '-m', pytest ? 'pytest' : 'unittest', 'test_tracker.py'],
    passed: pytest ? /3 passed/ : /Ran 3 tests(.|\n)*OK/,
  },
  {
    name: 'Go',
    tool: 'go',
    command: () => ['go', 'test', '-v', 'go/tracker_test.go'],
    passed: /PASS: TestASeeder(.|\n)*PASS: TestAFailure/,
  },
  {
    name: 'Rust',
    tool: 'rustc',
    command: (out) => [
      'sh',
      '-c',
      'rustc --test rust/tracker.rs -o "$1/tracker" && "$1/tracker"',
      'sh',
      out,
    ],
    passed: /2 passed; 0 failed/,
  },
]

for (const { name, tool, command, passed } of EXAMPLES_BY_TOOL) {
  const isMissing = Bun.which(tool) === null
  test.skipIf(isMissing)(`${name}${isMissing ? ' (skipped: not installed)' : ''}`, () => {
    const out = newFolder()
    try {
      const { exitCode, stdout, stderr } = Bun.spawnSync([...command(out)], {
        cwd: EXAMPLES,
        env: {
          ...process.env,
          AQUATIC: `sh ${LAUNCHER}`,
          GO111MODULE: 'off',
          GOCACHE: join(ROOT, 'dist/.go-cache'),
          PYTHONDONTWRITEBYTECODE: '1',
          PYTEST_ADDOPTS: '-p no:cacheprovider',
        },
      })
      const text = `${stdout}${stderr}`
      expect(text).toMatch(passed)
      expect(exitCode).toBe(0)
    } finally {
      removeFolder(out)
    }
  })
}

function isRunnable(...command: string[]): boolean {
  if (Bun.which(command[0]) === null) return false
  return Bun.spawnSync(command, { stderr: 'ignore', stdout: 'ignore' }).exitCode === 0
}
