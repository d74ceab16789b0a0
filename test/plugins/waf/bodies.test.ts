// Bodies of requests and answers: how much is asked for, what is refused unread, what is decoded first.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { answered, make, posted, run, viewOf } from './views.ts'

describe('request bodies', () => {
  const form = 'application/x-www-form-urlencoded'
  const limited = { bodyLimitBytes: 100, uploadLimitBytes: 1_000 }

  it('are asked for with one byte more than the limit, longer where they are uploads', async () => {
    const waf = await make(limited)
    const asked = (type: string) => {
      const view = posted(type, '')
      waf.plugin.onRequest?.(view)
      return view.inspectUpTo
    }
    assert.deepEqual(
      [asked(form), asked('multipart/form-data; boundary=b'), asked('image/png')],
      [101, 1_001, 101],
    )
  })

  it('are inspected', async () => {
    assert.equal((await run(await make(), posted(form, 'q=evil')))?.status, 403)
    assert.equal(await run(await make(), posted(form, 'q=good')), undefined)
  })

  it('that stand behind much else are inspected or refused, never overlooked', async () => {
    const padded = `${'a=1&'.repeat(100)}q=evil`
    const verdict = await run(await make(limited), posted(form, padded))
    assert.equal(verdict?.status, 413)
    assert.equal(verdict?.code, 'AEGIS_WAF_BODY_LIMIT')
  })

  it('that are longer pass in part when the config says so, and are counted', async () => {
    const waf = await make({ ...limited, onBodyLimit: 'partial' })
    assert.equal(await run(waf, posted(form, `${'a=1&'.repeat(100)}q=evil`)), undefined)
    assert.equal(waf.ports.recorded.get('aegis_waf_body_limit_total{partial}'), 1)
    assert.equal((await run(waf, posted(form, `q=evil&${'a=1&'.repeat(100)}`)))?.status, 403)
  })

  it('of types that nobody parses pass whatever their length', async () => {
    const waf = await make(limited)
    const long = posted('image/png', 'x'.repeat(101), { bodyComplete: false })
    assert.equal(await run(waf, long), undefined)
    assert.equal(waf.ports.recorded.size, 0)
  })

  for (const [coding, encode] of [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['gzip, br', (bytes: Buffer) => brotliCompressSync(gzipSync(bytes))],
  ] as const) {
    const coded = (bytes: Buffer) =>
      viewOf({
        ...{ method: 'POST', hasBody: true, body: bytes },
        rawHeaders: ['Host', 'a', 'Content-Type', form, 'Content-Encoding', coding],
      })
    it(`under ${coding} are inspected as the application will see them (${encode.name || 'both'})`, async () => {
      const waf = await make(limited)
      const verdict = (text: string) => run(waf, coded(encode(Buffer.from(text))))
      assert.equal((await verdict('q=evil'))?.code, 'AEGIS_WAF_BLOCKED')
      assert.equal(await verdict('q=good'), undefined)
      assert.equal((await verdict('a=1&'.repeat(1_000)))?.code, 'AEGIS_WAF_BODY_LIMIT')
      assert.equal((await run(waf, coded(Buffer.from('no such thing'))))?.code, 'AEGIS_WAF_BODY_LIMIT')
    })
  }

  it('under a coding that nobody knows are refused where they would be parsed', async () => {
    const headers = (type: string) => ['Host', 'a', 'Content-Type', type, 'Content-Encoding', 'rot13']
    const verdict = async (type: string) =>
      run(
        await make(),
        viewOf({ method: 'POST', hasBody: true, body: Buffer.from('d'), rawHeaders: headers(type) }),
      )
    assert.equal((await verdict(form))?.status, 413)
    assert.equal(await verdict('image/png'), undefined)
  })

  it('under three codings on top of each other are refused', async () => {
    const coded = (codings: number) => {
      let body = Buffer.from('q=good')
      for (let i = 0; i < codings; i++) body = gzipSync(body)
      const coding = Array.from({ length: codings }, () => 'gzip').join(', ')
      const rawHeaders = ['Host', 'a', 'Content-Type', form, 'Content-Encoding', coding]
      return viewOf({ method: 'POST', hasBody: true, body, rawHeaders })
    }
    assert.equal(await run(await make(), coded(2)), undefined)
    assert.equal((await run(await make(), coded(3)))?.code, 'AEGIS_WAF_BODY_LIMIT')
  })

  it('that cannot be read as what they say are refused', async () => {
    assert.equal((await run(await make(), posted('application/json', '{')))?.status, 400)
    const detecting = await make({ mode: 'detect' })
    assert.equal(await run(detecting, posted('application/json', '{')), undefined)
  })
})

describe('answers', () => {
  const html = { responseHeaders: [['content-type', 'text/html; charset=utf-8']] as [string, string][] }
  const leaking = () => viewOf({ ...html, responseBody: Buffer.from('a secret') })

  it('stream through unless their bodies are to be inspected', async () => {
    const waf = await make()
    const view = leaking()
    await run(waf, view)
    assert.equal(await answered(waf, view), undefined)
    assert.equal(view.inspectResponseUpTo, -1)
    assert.equal(view.upstreamHeaders.has('accept-encoding'), false)
  })

  it('are held back, uncompressed, and refused', async () => {
    const waf = await make({ responseBody: true, responseBodyLimitBytes: 50 })
    const view = leaking()
    await run(waf, view)
    assert.equal(view.upstreamHeaders.get('accept-encoding'), 'identity')
    const verdict = await answered(waf, view)
    assert.equal(view.inspectResponseUpTo, 50)
    assert.equal(verdict?.status, 403)
  })

  it('of other types, and without a type, are not held back', async () => {
    for (const type of ['image/png', 'text/event-stream', '']) {
      const waf = await make({ responseBody: true })
      const view = viewOf({ responseHeaders: type === '' ? [] : [['content-type', type]] })
      await run(waf, view)
      assert.equal(await answered(waf, view), undefined)
      assert.equal(view.inspectResponseUpTo, -1, type)
    }
  })

  it('can be refused for their head alone', async () => {
    const waf = await make()
    const view = viewOf({ status: 500 })
    await run(waf, view)
    assert.equal((await answered(waf, view))?.status, 502)
    assert.equal(view.inspectResponseUpTo, 0)
  })

  it('of the gateway itself are not looked at', async () => {
    const waf = await make()
    const view = viewOf({ status: 500, responseSource: 'gateway' })
    await run(waf, view)
    assert.equal(await answered(waf, view), undefined)
  })

  it('are only reported in the mode detect', async () => {
    const waf = await make({ mode: 'detect', responseBody: true })
    const view = leaking()
    await run(waf, view)
    assert.equal(await answered(waf, view), undefined)
    waf.plugin.onLog?.(view)
    assert.equal(waf.ports.recorded.get('aegis_waf_matches_total{7,detect}'), 1)
  })
})
