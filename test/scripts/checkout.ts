// A small checkout in a folder of its own, with the real scripts, a stub for the tracker, and stand-ins
// for npm and node, so that the tests of the scripts need no network. Used by the tests beside it.

import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const ROOT = join(import.meta.dir, '..', '..')

/** Counts its calls, and installs nothing but the executable of Bun that runs this test. */
const FAKE_NPM = `#!/bin/sh
[ "$1" = --version ] && { echo 10.8.2; exit; }
echo "$*" >> "$CALLS"
echo 'noise of npm'
rm -rf node_modules
mkdir -p node_modules/bun/bin
ln -s '${process.execPath}' node_modules/bun/bin/bun.exe
mkdir -p node_modules/@oven/bun-linux-x64/bin
ln -s '${process.execPath}' node_modules/@oven/bun-linux-x64/bin/bun
`

const STUB = `// Prints what it was given.
import { leaf } from '../src/leaf.ts'
import { readFileSync } from 'node:fs'
const ignored = /SigIgn:\\s*(\\w+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]
const { cwd, argv, pid } = process
console.log(JSON.stringify({ leaf, cwd: cwd(), flags: argv.slice(2), pid, ignored, input: await Bun.stdin.text() }))
`

/** The commands that the scripts may use besides node and npm. */
const COMMANDS =
  'sh uname getconf grep find flock mkdir cat cksum dirname basename readlink rm touch mv'

export interface RunOptions {
  readonly cwd?: string
  readonly input?: string
  readonly env?: Record<string, string>
}

export class Checkout {
  /** A space and a quote in the path, because a user may have them in theirs. */
  readonly root: string
  private readonly top: string

  constructor() {
    this.top = mkdtempSync(join(tmpdir(), 'aquatic-scripts-'))
    this.root = join(this.top, "a user's folder", 'aquatic')
    cpSync(join(ROOT, 'scripts'), join(this.root, 'scripts'), { recursive: true })
    cpSync(join(ROOT, '.ci'), join(this.root, '.ci'), { recursive: true })
    for (const file of ['package.json', 'package-lock.json', '.npmrc']) {
      cpSync(join(ROOT, file), join(this.root, file))
    }
    this.write('bin/aquatic_udp.ts', STUB)
    this.write('src/leaf.ts', '// A source.\nexport const leaf = 1\n')
    this.command('npm', FAKE_NPM)
    this.command('node', '#!/bin/sh\necho 20.0.0\n')
  }

  remove(): void {
    rmSync(this.top, { recursive: true, force: true })
  }

  write(path: string, text: string, options: { executable?: boolean } = {}): void {
    const full = join(this.root, path)
    mkdirSync(dirname(full), { recursive: true })
    writeFileSync(full, text)
    if (options.executable) chmodSync(full, 0o755)
  }

  /** Puts a command in front of the system's. */
  command(name: string, text: string): void {
    this.write(join('..', '..', 'commands', name), text, { executable: true })
  }

  /** A PATH with what the scripts need, without the named commands. */
  pathWithout(...names: string[]): string {
    const folder = mkdtempSync(join(this.top, 'path-'))
    for (const command of [...COMMANDS.split(' '), 'node', 'npm']) {
      if (names.includes(command)) continue
      const faked = command === 'node' || command === 'npm'
      const target = faked ? join(this.top, 'commands', command) : Bun.which(command)
      symlinkSync(target ?? `/bin/${command}`, join(folder, command))
    }
    return folder
  }

  path(): string {
    return `${join(this.top, 'commands')}:${process.env.PATH}`
  }

  callsPath(): string {
    return join(this.top, 'npm-calls')
  }

  run(script: string, args: string[], options: RunOptions = {}): SpawnSyncReturns<string> {
    return spawnSync(script.startsWith('/') ? script : join(this.root, script), args, {
      cwd: options.cwd ?? this.top,
      input: options.input ?? '',
      encoding: 'utf8',
      env: { PATH: this.path(), CALLS: this.callsPath(), ...options.env },
    })
  }
}
