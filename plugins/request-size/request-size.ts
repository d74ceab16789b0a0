// The decision of the request-size plugin. Worker thread; called by index.ts.
import type { RequestView } from '../../gateway/contract/exchange.ts'
import type { Plugin, Verdict } from '../../gateway/contract/plugin.ts'
import { deny } from '../../gateway/contract/reply.ts'

export interface RequestSizeConfig {
  readonly limitBytes: number
  readonly requireContentLength: boolean
}

const bodyMethods = new Set(['POST', 'PUT', 'PATCH'])

export function createRequestSize(config: RequestSizeConfig): Plugin {
  const { limitBytes } = config
  const tooLarge = deny(413, 'AEGIS_BODY_TOO_LARGE', `The request body is larger than ${limitBytes} bytes.`)
  const lengthRequired = deny(411, 'AEGIS_LENGTH_REQUIRED', 'This request needs a Content-Length header.')

  return {
    onRequest(ex: RequestView): Verdict {
      const told = ex.header('content-length')
      // Digits only by now (admission refuses the rest); anything that is no number fails the comparison.
      if (told !== undefined && !(Number(told) <= limitBytes)) return tooLarge
      if (told === undefined && config.requireContentLength && mayHaveBody(ex)) return lengthRequired
      // Also with a told length: the limit then holds whatever a later protocol or a wrong parser lets through.
      ex.limitRequestBody(limitBytes)
      return undefined
    },
  }
}

function mayHaveBody(ex: RequestView): boolean {
  return ex.header('transfer-encoding') !== undefined || bodyMethods.has(ex.method)
}
