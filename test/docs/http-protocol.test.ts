// The examples of docs/http-protocol.md, as a reader would try them, get the answers that stand there.
import { expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { get, HttpHarness } from '../http/harness.ts'

const text = readFileSync(join(import.meta.dir, '../../docs/http-protocol.md'), 'utf8')
const [, commands = '', answers = ''] =
  /^### Try it\n[^#]*?```sh\n(.*?)```.*?```\n(.*?)```/ms.exec(text) ?? []

test('the requests that one can try get the answers that are shown', () => {
  const torrent = /^torrent='(.*)'$/m.exec(commands)?.[1] ?? ''
  const targets = [...commands.matchAll(/^curl "\$tracker(.*)"$/gm)].map(([, target]) =>
    target.replace('$torrent', torrent),
  )
  expect(targets.length).toBe(3)
  const tracker = new HttpHarness({ announceInterval: 1800 })
  const bodies = targets.map((target) =>
    tracker.send(get(target), '127.0.0.1').body.toString('latin1').replace('\x7f\0\0\x01', '....'),
  )
  expect(bodies.slice(1).join('\n')).toBe(answers.trimEnd())
})
