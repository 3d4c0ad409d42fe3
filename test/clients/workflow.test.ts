// The workflow that publishes a version, as far as it goes without the service that runs it: read by actionlint, its scripts by
// shellcheck, and those that need no registry run. The image's are run by container-engine.test.ts, the package's script by
// release.test.ts.
import { describe, expect, test } from 'bun:test'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { version } from '../../package.json'
import { folderOfFile } from '../support/folder.ts'
import { scriptOf, steps, WORKFLOW, workflow } from './workflow.ts'

const ROOT = join(import.meta.dir, '../..')
const ACTIONLINT = join(ROOT, 'dist/.clients/actionlint')
const hasActionlint = existsSync(ACTIONLINT)
const skipped = hasActionlint ? '' : ' (skipped: actionlint is not installed)'
const scripts = steps.flatMap(({ name, run }) => (run === undefined ? [] : [[name ?? '', run]]))
const folder = folderOfFile()

test.skipIf(!hasActionlint)(`actionlint has nothing to say${skipped}`, () => {
  const { exitCode, stdout } = Bun.spawnSync([ACTIONLINT, WORKFLOW])
  expect({ exitCode, said: stdout.toString() }).toEqual({ exitCode: 0, said: '' })
})

test.each(scripts)('shellcheck has nothing to say about «%s»', (_, run) => {
  const script = `set -e\n${run.replaceAll(/\$\{\{.*?\}\}/g, 'value')}`
  const { exitCode, stdout } = Bun.spawnSync(['shellcheck', '--shell=bash', '-'], {
    stdin: Buffer.from(script),
  })
  expect({ exitCode, said: stdout.toString() }).toEqual({ exitCode: 0, said: '' })
})

describe('rights', () => {
  test('are few, and given to jobs', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    const writes = Object.entries(workflow.jobs).map(([name, { permissions = {} }]) => {
      const names = Object.entries(permissions).filter(([, right]) => right === 'write')
      return [name, names.map(([right]) => right).sort()]
    })
    expect(Object.fromEntries(writes)).toEqual({
      test: [],
      packages: ['attestations', 'id-token'],
      image: ['packages'],
      publish: ['attestations', 'contents', 'id-token', 'packages'],
    })
  })

  test('every job has an end, and only a tag publishes', () => {
    for (const job of Object.values(workflow.jobs)) {
      expect(job['timeout-minutes']).toBeWithin(1, 121)
    }
    expect(workflow.jobs.publish.if).toBe("github.event_name == 'push'")
  })
})

/** As the service runs a step, with commands of ours before its own. */
function runStep(name: string, cwd: string, env: Record<string, string>, path = '') {
  const file = join(folder, 'step.sh')
  writeFileSync(file, scriptOf(name))
  const command = ['bash', '--noprofile', '--norc', '-eo', 'pipefail', file]
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    cwd,
    env: { PATH: `${path}:${process.env.PATH}`, ...env },
  })
  return { exitCode, said: `${stdout}${stderr}` }
}

test('a tag that is not the version, or whose changelog has no date, is refused', () => {
  const name = 'The tag is the version, and the changelog has it'
  const checkout = join(folder, 'checkout')
  mkdirSync(checkout)
  const write = (heading: string) => {
    writeFileSync(join(checkout, 'CHANGELOG.md'), `# Changelog\n\n## ${heading}\n\n- more\n`)
    writeFileSync(join(checkout, 'package.json'), readFileSync(join(ROOT, 'package.json')))
  }
  const codeOf = (tag: string) => runStep(name, checkout, { GITHUB_REF_NAME: tag }).exitCode
  write(`${version} (2026-11-28)`)
  expect(codeOf(`v${version}`)).toBe(0)
  expect(codeOf('v9.9.9')).toBe(1)
  write(`${version} (unreleased)`)
  expect(codeOf(`v${version}`)).toBe(1)
})

test('the release has the notes and every file, unless one is damaged', () => {
  const packages = join(folder, 'packages')
  mkdirSync(packages)
  writeFileSync(join(packages, 'RELEASE-NOTES.md'), 'notes\n')
  const sums = Bun.spawnSync(['sha256sum', 'RELEASE-NOTES.md'], { cwd: packages }).stdout
  writeFileSync(join(packages, 'SHA256SUMS'), sums)
  const commands = join(folder, 'commands')
  mkdirSync(commands)
  writeFileSync(join(commands, 'gh'), '#!/bin/sh\necho gh "$@"\n', { mode: 0o755 })
  const run = () => {
    const env = { GITHUB_REF_NAME: 'v1.2.3', GITHUB_REPOSITORY: 'someone/aquatic' }
    return runStep('The release, with its notes', folder, env, commands)
  }
  expect(run().said).toContain(
    'gh release create v1.2.3 --repo someone/aquatic --title v1.2.3 --notes-file RELEASE-NOTES.md --verify-tag ./RELEASE-NOTES.md ./SHA256SUMS',
  )
  writeFileSync(join(packages, 'RELEASE-NOTES.md'), 'other notes\n')
  expect(run()).toEqual({ exitCode: 1, said: expect.not.stringContaining('gh release') })
})
