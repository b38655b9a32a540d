using Dino.Gpu.Server.Requests;
using Microsoft.AspNetCore.Http;

namespace Dino.Gpu.Server.Http;

/// <summary>Bodies that are pictures: the bytes of one file, or a form with files.</summary>
internal static class PictureBody
{
    /// <summary>Reads all pictures.</summary>
    /// <exception cref="RequestFailure">The body is too large, damaged, empty, or something else.</exception>
    public static async Task<IReadOnlyList<PictureInput>> ReadAsync(HttpContext context, DinoServerOptions options, BodyMemory.Lease lease)
    {
        using var body = LimitedBody.Of(context, options, lease);
        if (MultipartPictures.IsOne(context.Request))
            return await MultipartPictures.ReadAsync(context.Request, body, options).ConfigureAwait(false);
        if (context.Request.HasJsonContentType())
        {
            throw RequestFailure.UnsupportedType(
                "expected the bytes of an image file, or multipart/form-data", "JSON goes to /v1/embeddings");
        }

        ReadOnlyMemory<byte> file = await body.ReadAllAsync().ConfigureAwait(false);
        return file.IsEmpty ? throw RequestFailure.Invalid("the body is empty (expected an image file)") : [new PictureInput(null, file)];
    }

    /// <summary>Reads the only picture.</summary>
    /// <exception cref="RequestFailure">As for <see cref="ReadAsync"/>, or there are several.</exception>
    public static async Task<PictureInput> ReadOneAsync(HttpContext context, DinoServerOptions options, BodyMemory.Lease lease)
    {
        IReadOnlyList<PictureInput> pictures = await ReadAsync(context, options, lease).ConfigureAwait(false);
        return pictures.Count == 1 ? pictures[0] : throw RequestFailure.TooManyItems(1, pictures.Count);
    }
}
