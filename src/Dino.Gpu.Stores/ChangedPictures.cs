using System.Security.Cryptography;
using Dino.Gpu.Data.Embedding;
using Dino.Gpu.Data.Inputs;

namespace Dino.Gpu.Stores;

/// <summary>
/// The pictures of a list that a store does not have as they are now. A picture that is there is read and hashed, but
/// not decoded.
/// </summary>
/// <param name="list">All pictures.</param>
/// <param name="store">Knows the digests of those that are there.</param>
/// <param name="sink">Hears which are skipped, and the numbers of the others.</param>
/// <param name="workers">Files hashed at the same time.</param>
internal sealed class ChangedPictures(InputList list, IVectorStore store, StoreSink sink, int workers)
{
    /// <summary>Pictures that the store is asked for at once.</summary>
    private const int AskedAtOnce = 512;

    /// <summary>Those pictures, in the order of the list.</summary>
    /// <param name="cancellation">Ends it; nobody takes the rest.</param>
    public IEnumerable<InputItem> Items(CancellationToken cancellation)
    {
        long number = 0;
        foreach (InputItem[] some in list.Items().Chunk(AskedAtOnce))
        {
            cancellation.ThrowIfCancellationRequested();
            Guid[] ids = Array.ConvertAll(some, StoredPicture.IdOf);
            IReadOnlyDictionary<Guid, string?> known = OrderlyEnd.Wait(token => store.DigestsAsync(ids, token), cancellation);
            bool[] same = new bool[some.Length];
            if (known.Count > 0)
            {
                SideBySide.ForAll(
                    some.Length, workers, i => same[i] = known.GetValueOrDefault(ids[i]) is { } digest && Is(some[i], digest));
            }

            for (int i = 0; i < some.Length; i++, number++)
            {
                if (same[i])
                {
                    sink.Skip();
                    continue;
                }

                sink.Expect(number);
                yield return some[i];
            }
        }
    }

    /// <summary>Whether a file has this digest. One that cannot be read has not: the pipeline will say why.</summary>
    private static bool Is(InputItem item, string digest)
    {
        try
        {
            return Convert.ToHexStringLower(SHA256.HashData(item.ReadBytes())) == digest;
        }
        catch (Exception failure) when (failure is DinoException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
