using Dino.Gpu.Imaging;
using Dino.Gpu.Model;

namespace Dino.Gpu.Tests.Support;

/// <summary>
/// Pictures that are not rounded to bytes. Where their values are whole numbers all the same, everything has the bytes
/// that it has without.
/// </summary>
internal static class FractionPictures
{
    /// <summary>Checks an encoder of fractions beside one of bytes.</summary>
    /// <param name="create">Makes an encoder of the weights.</param>
    /// <param name="weights">A model.</param>
    /// <param name="side">Of its input.</param>
    public static void Check(Func<VitWeights, DinoEncoder> create, VitWeights weights, int side)
    {
        RgbImage[] bytes = [.. Enumerable.Range(0, 3).Select(number => NoisePicture.Of(side, side, number))];
        RgbImage[] whole = [.. bytes.Select(picture => With(picture, 0))];
        RgbImage[] between = [.. bytes.Select(picture => With(picture, 0.25f))];
        float[][] expected = Run(weights, bytes);
        VitWeights fractions = weights.With(PreprocessorConfig.Standard with { KeepsFractions = true });
        Assert.Equal(expected, Run(fractions, whole));
        Assert.Equal(expected, Run(fractions, bytes)); // a picture that was of the input size already
        Assert.All(Run(fractions, between).Zip(expected), pair => Assert.NotEqual(pair.Second, pair.First));

        float[][] Run(VitWeights model, RgbImage[] pictures)
        {
            using DinoEncoder encoder = create(model);
            return
            [
                encoder.ForwardPrepared(pictures, DinoOutputs.LastHiddenState).LastHiddenState!.Data,
                encoder.ForwardMultiScale(pictures, [1, 0.7]).ClassToken!.Data,
            ];
        }
    }

    private static RgbImage With(RgbImage picture, float more) => new(picture.Width, picture.Height, picture.Pixels)
    {
        Fractions = Array.ConvertAll(picture.Pixels, value => value + more),
    };
}
