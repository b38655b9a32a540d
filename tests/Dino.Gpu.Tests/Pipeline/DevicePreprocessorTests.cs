using Dino.Gpu.Devices;
using Dino.Gpu.Imaging;
using Dino.Gpu.Ops.Device;
using Dino.Gpu.Pipeline;
using Dino.Gpu.Tests.Imaging;
using Dino.Gpu.Tests.Support;
using ILGPU;
using ILGPU.Runtime;

namespace Dino.Gpu.Tests.Pipeline;

/// <summary>The resize on a device: byte for byte Pillow's, as on the host.</summary>
[Collection(PortableCollection.Name)]
public sealed class DevicePreprocessorTests(TestDevices devices)
{
    public static TheoryData<TestDevice, PreprocessPreset> Presets => new(
        from kind in new[] { TestDevice.OpenCL, TestDevice.Cuda }
        from preset in Enum.GetValues<PreprocessPreset>()
        select (kind, preset));

    public static TheoryData<TestDevice, PreprocessPreset, int, int, int, int> Shapes
    {
        get
        {
            var data = new TheoryData<TestDevice, PreprocessPreset, int, int, int, int>();
            foreach (TestDevice kind in Enum.GetValues<TestDevice>())
            {
                foreach (PreprocessPreset preset in Enum.GetValues<PreprocessPreset>())
                {
                    data.Add(kind, preset, 1, 1, 16, 16);
                    data.Add(kind, preset, 5, 7, 14, 7);
                    data.Add(kind, preset, 37, 3, 8, 16);
                    data.Add(kind, preset, 16, 16, 16, 16); // nothing to do, or only a crop
                    data.Add(kind, preset, 16, 23, 16, 9); // one side as it is
                    data.Add(kind, preset, 23, 16, 9, 16);
                }
            }

            return data;
        }
    }

    /// <summary>
    /// Every golden picture, all in one batch, against Pillow's and torchvision's bytes. One that has the input size
    /// counts as prepared, so the host crops it.
    /// </summary>
    [Theory]
    [MemberData(nameof(Presets))]
    public void Every_golden_picture_has_the_reference_bytes(TestDevice kind, PreprocessPreset preset)
    {
        var preprocessor = new Preprocessor(preset, 224, 224);
        RgbImage[] prepared = Prepare(
            devices
                .Open(kind), preprocessor,
                    [.. GoldenImages.All.Select(golden => golden.Decoded is { Width: 224, Height: 224 } same
                        ? preprocessor.Apply(same) : golden.Decoded)]);
        for (int i = 0; i < prepared.Length; i++)
        {
            GoldenImage golden = GoldenImages.All[i];
            string file = preset == PreprocessPreset.HuggingFace ? $"{golden.Stem}.bilinear224.png" : $"{golden.Stem}.dino_eval224.png";
            GoldenImages.AssertSame(GoldenImages.Png(GoldenData.PathOf("preprocess", file)), prepared[i]);
            Assert.Equal(
                preset == PreprocessPreset.HuggingFace ? golden.Sha256Bilinear224 : golden.Sha256DinoEval224,
                GoldenImages.Sha256(prepared[i].Pixels));
        }
    }

    /// <summary>The small golden pictures through ILGPU's own CPU accelerator.</summary>
    [Theory]
    [InlineData("tiny_5x7_png")]
    [InlineData("one_pixel_png")]
    public void Small_golden_pictures_have_the_reference_bytes_on_the_CPU_accelerator(string stem)
    {
        GoldenImage golden = GoldenImages.Of(stem);
        DinoDevice device = devices.Open(TestDevice.IlgpuCpu);
        Assert.Equal(
            golden.Sha256Bilinear224,
            GoldenImages.Sha256(Prepare(device, new Preprocessor(PreprocessPreset.HuggingFace, 224, 224), golden.Decoded)[0].Pixels));
        Assert.Equal(
            golden.Sha256DinoEval224,
            GoldenImages.Sha256(Prepare(device, new Preprocessor(PreprocessPreset.Dino, 224, 224), golden.Decoded)[0].Pixels));
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Any_size_has_the_bytes_of_the_host(
        TestDevice kind, PreprocessPreset preset, int width, int height, int inputWidth, int inputHeight)
    {
        byte[] pixels = new byte[3 * width * height];
        new Random(width * 100 + height).NextBytes(pixels);
        var image = new RgbImage(width, height, pixels);
        var preprocessor = new Preprocessor(preset, inputWidth, inputHeight);
        // A second picture shows that buffers are reused in the right order.
        RgbImage[] prepared = Prepare(devices.Open(kind), preprocessor, image, TinyModel.Picture(1), image);
        GoldenImages.AssertSame(Expected(image), prepared[0]);
        GoldenImages.AssertSame(Expected(TinyModel.Picture(1)), prepared[1]);
        GoldenImages.AssertSame(prepared[0], prepared[2]);

        RgbImage Expected(RgbImage picture) =>
            (picture.Width, picture.Height) == (inputWidth, inputHeight) ? picture : preprocessor.Apply(picture);
    }

    [Theory]
    [InlineData(640, 480, true)]
    [InlineData(349525, 1, true)] // 1 MiB
    [InlineData(349526, 1, false)]
    [InlineData(1, 12483, true)] // 8 MiB when 224 wide
    [InlineData(1, 12484, false)]
    [InlineData(224, 224, false)] // taken for prepared
    [InlineData(224, 223, true)]
    public void The_device_takes_what_keeps_memory_bounded(int width, int height, bool expected)
    {
        foreach (PreprocessPreset preset in Enum.GetValues<PreprocessPreset>())
            Assert.Equal(expected, DevicePreprocessor.Takes(new Preprocessor(preset, 224, 224), width, height));
    }

    private static RgbImage[] Prepare(DinoDevice device, Preprocessor preprocessor, params RgbImage[] images)
    {
        int length = 3 * preprocessor.Width * preprocessor.Height;
        using var onDevice = new DevicePreprocessor(device.Accelerator, new ResizeKernels(device.Accelerator), preprocessor);
        using MemoryBuffer1D<byte, Stride1D.Dense> pixels = device.Accelerator.Allocate1D<byte>((long)length * images.Length);
        onDevice.Apply(images, 0, images.Length, pixels.View.AsContiguous());
        byte[] bytes = pixels.GetAsArray1D();
        return [.. bytes.Chunk(length).Select(one => new RgbImage(preprocessor.Width, preprocessor.Height, one))];
    }
}
