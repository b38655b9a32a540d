using System.Text.Json;

namespace Dino.Gpu.Server.Requests;

/// <summary>Makes pictures of the texts in a JSON body. A text that is none is a failure of that picture alone.</summary>
/// <param name="urls">Fetches those that are URLs.</param>
internal sealed class PictureTexts(UrlPictures urls)
{
    private const int FetchesAtOnce = 8;

    /// <summary>The pictures of some texts, in their order.</summary>
    /// <param name="items">JSON strings.</param>
    /// <param name="lease">Counts their bytes.</param>
    /// <param name="cancellation">Ends the fetching.</param>
    /// <exception cref="RequestFailure">There is too little memory at the moment.</exception>
    public async Task<PictureInput[]> ReadAsync(IReadOnlyList<JsonElement> items, BodyMemory.Lease lease, CancellationToken cancellation)
    {
        var pictures = new PictureInput[items.Count];
        using var fetches = new SemaphoreSlim(FetchesAtOnce);
        var fetching = new List<Task>();
        for (int i = 0; i < pictures.Length; i++)
        {
            if (DataUri.IsOne(items[i].Utf8()))
                pictures[i] = Of(items[i], lease);
            else if (items[i].GetString() is { } text && UrlPictures.IsOne(text))
                fetching.Add(FetchAsync(i, text));
            else
                pictures[i] = PictureInput.Failed(null, RequestFailure.Picture("not_an_image", "expected data:image/...;base64,..."));
        }

        await Task.WhenAll(fetching).ConfigureAwait(false);
        return pictures;

        async Task FetchAsync(int index, string url)
        {
            await fetches.WaitAsync(cancellation).ConfigureAwait(false);
            try
            {
                pictures[index] = new PictureInput(null, await urls.FetchAsync(url, lease, cancellation).ConfigureAwait(false));
            }
            catch (RequestFailure failure) when (!failure.IsTemporary)
            {
                pictures[index] = PictureInput.Failed(null, failure);
            }
            finally
            {
                fetches.Release();
            }
        }
    }

    private static PictureInput Of(JsonElement item, BodyMemory.Lease lease)
    {
        try
        {
            return new PictureInput(null, DataUri.Decode(item.Utf8(), lease));
        }
        catch (RequestFailure failure) when (!failure.IsTemporary)
        {
            return PictureInput.Failed(null, failure);
        }
    }
}
