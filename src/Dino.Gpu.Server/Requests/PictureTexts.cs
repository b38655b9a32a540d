using System.Text;
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
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var fetches = new SemaphoreSlim(FetchesAtOnce);
        var fetching = new List<Task>();
        try
        {
            for (int i = 0; i < pictures.Length; i++)
            {
                ReadOnlySpan<byte> text = items[i].Utf8();
                if (DataUri.IsOne(text))
                    pictures[i] = Of(text, lease);
                else if (UrlPictures.IsOne(text))
                    fetching.Add(FetchAsync(i, Encoding.UTF8.GetString(text)));
                else
                    pictures[i] = PictureInput.Failed(null, RequestFailure.Picture("not_an_image", "expected data:image/...;base64,..."));
            }

            await Task.WhenAll(fetching).ConfigureAwait(false); // of those that failed, the first; not those that were stopped then
            return pictures;
        }
        catch
        {
            // None goes on once the caller gives the memory back.
            await stop.CancelAsync().ConfigureAwait(false);
            await Task.WhenAll(fetching).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            throw;
        }

        async Task FetchAsync(int index, string url)
        {
            await fetches.WaitAsync(stop.Token).ConfigureAwait(false);
            try
            {
                pictures[index] = new PictureInput(null, await urls.FetchAsync(url, lease, stop.Token).ConfigureAwait(false));
            }
            catch (RequestFailure failure) when (!failure.IsTemporary)
            {
                pictures[index] = PictureInput.Failed(null, failure);
            }
            catch
            {
                await stop.CancelAsync().ConfigureAwait(false);
                throw;
            }
            finally
            {
                fetches.Release();
            }
        }
    }

    private static PictureInput Of(ReadOnlySpan<byte> text, BodyMemory.Lease lease)
    {
        try
        {
            return new PictureInput(null, DataUri.Decode(text, lease));
        }
        catch (RequestFailure failure) when (!failure.IsTemporary)
        {
            return PictureInput.Failed(null, failure);
        }
    }
}
