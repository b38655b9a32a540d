using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Requests;

/// <summary>
/// What a client still sends of a body that nobody needs, because the server is too busy. A connection that is closed
/// while bytes are under way is reset, and the client may lose the answer. Kestrel waits five seconds for the rest of a
/// body, and a crowd that the server has just refused may take longer.
/// </summary>
internal static class RefusedBody
{
    /// <summary>Ends the answer, then reads the rest of the body, and forgets it as it comes.</summary>
    /// <param name="context">The request, whose answer is written.</param>
    /// <param name="options">How long and how much may be read; what takes more is cut.</param>
    /// <param name="stopping">Ends it at once.</param>
    public static async Task DrainAsync(HttpContext context, DinoServerOptions options, CancellationToken stopping)
    {
        bool sharesConnection = HttpProtocol.IsHttp2(context.Request.Protocol) || HttpProtocol.IsHttp3(context.Request.Protocol);
        if (sharesConnection || context.Request.ContentLength > options.MaxBodyBytes)
            return; // a stream ends without its connection
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, stopping);
        patience.CancelAfter(options.BodyTimeout);
        try
        {
            await context.Response.CompleteAsync().ConfigureAwait(false);
            BodyRate.TurnOff(context);
            byte[] buffer = new byte[4096];
            while (await context.Request.Body.ReadAsync(buffer, patience.Token).ConfigureAwait(false) > 0)
            {
                // forgotten
            }
        }
        catch (Exception failure) when (failure is IOException or OperationCanceledException)
        {
            // the client left, or took too long: the answer was sent
        }
    }
}
