// A place for a test that needs no network of its own: a temporary directory, and processes on this
// machine's loopback. Used by tracker-client.test.ts, whose client is a library in the test itself.

import { newFolder, removeFolder } from '../support/folder.ts'
import type { Place } from './lab.ts'
import { TestProcess } from './process.ts'

export class Here implements Place, AsyncDisposable {
  readonly directory = newFolder()
  readonly #environment: Record<string, string> = {}
  readonly #processes: TestProcess[] = []

  start(name: string, command: string[]): TestProcess {
    const environment = { ...process.env, ...this.#environment } as Record<string, string>
    const started = new TestProcess(name, command, environment)
    this.#processes.push(started)
    return started
  }

  trust(certificatePath: string): void {
    this.#environment.NODE_EXTRA_CA_CERTS = certificatePath
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#processes.map((started) => started.stop()))
    removeFolder(this.directory)
  }
}
