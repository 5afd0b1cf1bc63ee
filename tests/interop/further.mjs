export async function further() {}
