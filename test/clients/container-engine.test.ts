// The image as an engine builds and runs it: by the commands of the workflow that publishes it (.github/workflows/release.yml),
// with Podman and without a registry. What is in it: container.test.ts, which needs no engine.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import type { AnnouncedReport } from './steady-announcer.ts'
import { scriptOf } from './workflow.ts'

setDefaultTimeout(300_000)

const isRoot = readFileSync('/proc/self/uid_map', 'utf8').includes('4294967295')
const hasPodman = Bun.which('podman') !== null
const canTry = hasPodman && isRoot && process.arch === 'x64'
const skipped = canTry ? '' : ' (skipped: this needs Podman, as root on x86-64)'

const folder = folderOfFile()

function fileOf(step: string): string {
  const path = join(folder, `${step.replaceAll(' ', '-')}.sh`)
  writeFileSync(path, scriptOf(step).replaceAll(/\$\{\{ matrix\.architecture \}\}/g, 'amd64'))
  return path
}

test.skipIf(!canTry)(
  `an engine builds and runs the image, and one container takes over from another${skipped}`,
  async () => {
    const announcer = join(import.meta.dir, 'steady-announcer.ts')
    const namespaces = '--mount --net --pid --fork --kill-child --mount-proc'.split(' ')
    const command = [
      ...['unshare', ...namespaces, '--', join(import.meta.dir, 'container-engine.sh')],
      ...[
        join(folder, 'engine'),
        fileOf('Build the image'),
        fileOf('It serves, and stops in time'),
      ],
      ...[process.execPath, announcer, '127.0.0.1', '3000'],
    ]
    const child = Bun.spawn(command, { stdin: 'ignore', stdout: 'pipe', stderr: 'pipe' })
    const [stdout, stderr] = await Promise.all([
      new Response(child.stdout).text(),
      new Response(child.stderr).text(),
    ])
    if ((await child.exited) !== 0) throw new Error(`ended with ${child.exitCode}: ${stderr}`)
    const report: AnnouncedReport = JSON.parse(stdout)
    expect(report.announced).toBeGreaterThan(0)
    expect(report.found).toBe(report.announced)
  },
)
