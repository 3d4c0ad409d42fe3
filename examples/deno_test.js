// A test of an HTTP client under Deno. Run: deno test -A
import { startTracker } from 'aquatic/testing'

Deno.test('a client that finds nobody there says so', async () => {
  const tracker = await startTracker({ http: true })
  try {
    await tracker.faults({ http: { dead: true } })
    const refused = await fetch(tracker.http).then(
      () => false,
      () => true,
    )
    if (!refused) throw new Error('somebody answered')
  } finally {
    await tracker.stop()
  }
})
