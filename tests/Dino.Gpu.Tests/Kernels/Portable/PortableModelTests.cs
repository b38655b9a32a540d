using System.Diagnostics;
using System.Globalization;
using Dino.Gpu.Devices;
using Dino.Gpu.Model;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Support;

namespace Dino.Gpu.Tests.Kernels.Portable;

/// <summary>Whole models through the portable kernels.</summary>
[Collection(PortableCollection.Name)]
public sealed class PortableModelTests(TestDevices devices)
{
    /// <summary>Heads of 8 columns, 17 tokens of 8x8 pixels.</summary>
    private static readonly VitConfig Tiny = new()
    {
        HiddenSize = 16,
        LayerCount = 2,
        HeadCount = 2,
        MlpSize = 40,
        PatchSize = 8,
        TrainedGrid = 4,
        LayerNormEpsilon = 1e-12,
    };

    /// <summary>Device, patch size, input width and height; the last grid is not square and leaves pixels over.</summary>
    public static TheoryData<TestDevice, int, int, int> TinyInputs
    {
        get
        {
            var data = new TheoryData<TestDevice, int, int, int>();
            foreach (TestDevice kind in Enum.GetValues<TestDevice>())
            {
                data.Add(kind, 8, 32, 32);
                data.Add(kind, 16, 32, 32);
                data.Add(kind, 8, 43, 21);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(TinyInputs))]
    public void TinyModel_AgreesWithTheTwin(TestDevice device, int patchSize, int width, int height)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny with { PatchSize = patchSize, TrainedGrid = 32 / patchSize });
        var shape = new VitShape(weights.Config, width, height);
        float[] positions = Positions(shape);
        byte[] pixels = RandomPixels(1, shape);
        using var executor = new PortableExecutor(devices.Open(device), weights);
        ForwardOutput actual = ModelGolden.RunEverything(executor, pixels, positions, shape);

        ReferenceOutput expected = Reference.Forward(weights, pixels, positions, shape);
        for (int layer = 0; layer < expected.HiddenStates.Count; layer++)
        {
            int length = expected.HiddenStates[layer].Length;
            Tolerance.AssertClose($"hidden state {layer}", expected.HiddenStates[layer], actual.HiddenStates.AsSpan(layer * length, length), 2e-6, shape.HiddenSize);
        }

        for (int layer = 0; layer < expected.Attentions.Count; layer++)
        {
            int length = expected.Attentions[layer].Length;
            Tolerance.AssertClose($"attention {layer}", expected.Attentions[layer], actual.Attentions.AsSpan(layer * length, length), 2e-6, shape.TokenCount);
        }

        Tolerance.AssertClose("tokens", expected.Tokens, actual.Tokens, 2e-5, shape.HiddenSize);
    }

    /// <summary>Asking for less must not change what is asked for, nor asking for one layer's attention which one comes out.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Requests_GiveTheSameBits(TestDevice device)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny);
        var shape = new VitShape(weights.Config, 32, 32);
        float[] positions = Positions(shape);
        byte[] pixels = RandomPixels(3, shape);
        using var executor = new PortableExecutor(devices.Open(device), weights);
        ForwardOutput all = ModelGolden.Run(executor, pixels, positions, shape, new ForwardRequest(3, allTokens: true, hiddenStates: false, 0));
        ForwardOutput pruned = ModelGolden.Run(executor, pixels, positions, shape, new ForwardRequest(3, allTokens: false, hiddenStates: false, 0));
        ForwardOutput kept = ModelGolden.Run(executor, pixels, positions, shape, new ForwardRequest(3, allTokens: false, hiddenStates: true, 0b10));
        ForwardOutput both = ModelGolden.Run(executor, pixels, positions, shape, new ForwardRequest(3, allTokens: false, hiddenStates: false, 0b11));

        int imageLength = shape.TokenCount * shape.HiddenSize;
        for (int image = 0; image < 3; image++)
            Assert.Equal(all.Tokens.AsSpan(image * imageLength, shape.HiddenSize), pruned.Tokens.AsSpan(image * shape.HiddenSize, shape.HiddenSize));
        Assert.Equal(pruned.Tokens, kept.Tokens);
        Assert.Equal(pruned.Tokens, both.Tokens);
        Assert.Equal(both.Attentions[(both.Attentions.Length / 2)..], kept.Attentions);
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Batches_GiveTheBytesOfSingleImages(TestDevice device)
    {
        VitWeights weights = SyntheticWeights.Create(Tiny);
        var shape = new VitShape(weights.Config, 32, 32);
        float[] positions = Positions(shape);
        byte[] pixels = RandomPixels(5, shape);
        int pixelLength = pixels.Length / 5;
        int imageLength = shape.TokenCount * shape.HiddenSize;
        using var executor = new PortableExecutor(devices.Open(device), weights);
        ForwardOutput batch = ModelGolden.Run(executor, pixels, positions, shape, new ForwardRequest(5, allTokens: true, hiddenStates: true, 0b01));
        foreach (int image in new[] { 3, 0, 4 })
        {
            byte[] single = pixels[(image * pixelLength)..((image + 1) * pixelLength)];
            ForwardOutput alone = ModelGolden.Run(executor, single, positions, shape, new ForwardRequest(1, allTokens: true, hiddenStates: true, 0b01));
            Assert.Equal(alone.Tokens.AsSpan(), batch.Tokens.AsSpan(image * imageLength, imageLength));
            Assert.Equal(alone.Attentions.AsSpan(), batch.Attentions.AsSpan(image * alone.Attentions.Length, alone.Attentions.Length));
            for (int layer = 0; layer <= shape.LayerCount; layer++)
                Assert.Equal(alone.HiddenStates.AsSpan(layer * imageLength, imageLength), batch.HiddenStates.AsSpan((layer * 5 + image) * imageLength, imageLength));
        }
    }

    /// <summary>ViT-S/16 on the reference pictures, every layer; then the class tokens of all of them as one pruned batch, bit for bit.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.Fast), MemberType = typeof(TestDevices))]
    public void VitS16_AgreesWithTheReferenceData(TestDevice device)
    {
        DinoDevice opened = devices.Open(device);
        VitWeights weights = SyntheticWeights.Create(VitConfig.VitS16);
        var shape = new VitShape(weights.Config, 224, 224);
        using var executor = new PortableExecutor(opened, weights);
        byte[][] pictures = [.. ModelGolden.Cases.Select(item => ModelGolden.Pixels(item.Stem))];
        float[][] classTokens = new float[pictures.Length][];
        for (int i = 0; i < pictures.Length; i++)
        {
            long start = Stopwatch.GetTimestamp();
            ForwardOutput output = ModelGolden.RunEverything(executor, pictures[i], weights.Positions, shape);
            TestContext.Current.TestOutputHelper?.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{ModelGolden.Cases[i].Case}: {Stopwatch.GetElapsedTime(start).TotalSeconds:F2} s"));
            ModelGolden.Check(ModelGolden.Cases[i].Case, output, shape);
            classTokens[i] = output.Tokens[..shape.HiddenSize];
        }

        var request = new ForwardRequest(pictures.Length, allTokens: false, hiddenStates: false, 0);
        ForwardOutput pruned = ModelGolden.Run(executor, [.. pictures.SelectMany(picture => picture)], weights.Positions, shape, request);
        Assert.Equal(classTokens.SelectMany(token => token), pruned.Tokens);
    }

    private static byte[] RandomPixels(int images, in VitShape shape)
    {
        byte[] pixels = new byte[images * shape.InputWidth * shape.InputHeight * 3];
        new Random(7).NextBytes(pixels);
        return pixels;
    }

    /// <summary>A position table of the right size; where it comes from is not what is tested here.</summary>
    private static float[] Positions(in VitShape shape)
    {
        var random = new Random(8);
        float[] positions = new float[shape.TokenCount * shape.HiddenSize];
        for (int i = 0; i < positions.Length; i++)
            positions[i] = random.NextSingle() - 0.5f;
        return positions;
    }
}
