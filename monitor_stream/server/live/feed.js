// Asks the server. The browser keeps answers and sends their ETag, so what has not changed costs a few bytes.

const PATIENCE = 6000; // milliseconds

/** Why there is no answer, for people. */
export class Unanswered extends Error {}

/** The JSON at a path, or null when it is what it was: `previous` holds the text of the last answer. */
export async function ask(path, previous) {
  let response;
  let text;
  try {
    response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE) });
    text = await response.text();
  } catch {
    throw new Unanswered("The server does not answer");
  }
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Unanswered(reason(text) ?? `The server answers ${response.status}`);
  if (previous && previous.text === text) return null;
  if (previous) previous.text = text;
  return JSON.parse(text);
}

function reason(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return undefined;
  }
}
