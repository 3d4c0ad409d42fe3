// A copy of the checkout in which faults are made, and the test files that run in it. Used by
// mutate.ts. Owns the copy's folder, which is gone at the end. The checkout itself is only read.
import { spawn } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

/** Of one test of a file. The file's own time is limited by the caller. */
const TEST_SECONDS_MAX = 60
/** Blocks of 512 bytes (1 GiB) in one file: a fault may write for ever. */
const FILE_BLOCKS_MAX = 2 ** 21

export type Outcome = 'passed' | 'failed' | 'timed out'

export class Checkout {
  private readonly folder: string
  private readonly root: string

  /** `paths`: the files to copy from the working directory. */
  constructor(paths: readonly string[]) {
    this.folder = mkdtempSync(join(tmpdir(), 'aquatic-mutation-'))
    this.root = join(this.folder, 'checkout')
    for (const path of paths) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      cpSync(path, join(this.root, path))
    }
    mkdirSync(join(this.folder, 'tmp'))
    symlinkSync(resolve('node_modules'), join(this.root, 'node_modules'))
    this.addExecutables(paths)
  }

  /** What tests expect in dist/ runs from the source here, so that no fault needs a build. */
  private addExecutables(paths: readonly string[]): void {
    mkdirSync(join(this.root, 'dist'), { recursive: true })
    for (const path of paths.filter((name) => /^bin\/\w+\.ts$/.test(name))) {
      const executable = join(this.root, 'dist', basename(path, '.ts'))
      const flags = '--no-env-file --config=/dev/null --no-install'
      const entry = join(this.root, path)
      writeFileSync(executable, `#!/bin/sh\nexec '${process.execPath}' ${flags} '${entry}' "$@"\n`)
      chmodSync(executable, 0o755)
    }
  }

  read(path: string): string {
    return readFileSync(join(this.root, path), 'utf8')
  }

  write(path: string, text: string): void {
    writeFileSync(join(this.root, path), text)
  }

  /** Runs one test file until its first failure. All that it started is ended with it. */
  run(test: string, secondsMax: number): Promise<Outcome> {
    const limits = `ulimit -f ${FILE_BLOCKS_MAX}; exec "$@"`
    const flags = ['--bail', '--no-orphans', `--timeout=${TEST_SECONDS_MAX * 1000}`]
    const command = [process.execPath, 'test', ...flags, `./${test}`]
    return new Promise((done, fail) => {
      const child = spawn('sh', ['-c', limits, 'sh', ...command], {
        cwd: this.root,
        detached: true,
        stdio: 'ignore',
        env: { ...process.env, TMPDIR: join(this.folder, 'tmp') },
      })
      let timedOut = false
      const timer = setTimeout(() => {
        timedOut = true
        endGroup(child.pid)
      }, secondsMax * 1000)
      child.on('error', fail)
      child.on('exit', (code) => {
        clearTimeout(timer)
        endGroup(child.pid)
        // Without its copy every test fails, whatever the fault.
        if (!existsSync(this.root)) fail(new Error(`somebody has removed ${this.root}`))
        done(timedOut ? 'timed out' : code === 0 ? 'passed' : 'failed')
      })
    })
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function endGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // No process is left, as it should be.
  }
}
